import type { JsonObject, JsonValue } from '@perdure/domain';

import { until } from './poll.ts';
import type { Keys } from './server.ts';

/** A run as `GET /v1/runs/{id}` shows it (http-api.md 2.5). */
export interface RunView {
  run_id: string;
  run_started_at: string;
  function_id: string;
  event_id: string;
  status: string;
  ended_at: string | null;
  output?: JsonValue;
}

export interface EventView {
  internal_id: string;
  received_at: string;
  id: string;
  name: string;
  data: JsonObject;
  ts: number;
}

export interface EventInput {
  name: string;
  data?: JsonObject;
  id?: string;
  ts?: number;
  user?: JsonObject;
  v?: string;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The parsed body; undefined when it is no JSON. */
  body: JsonObject;
}

const ENDED = new Set(['Completed', 'Failed', 'Cancelled', 'Skipped']);

/** What a client of a server can do over HTTP. */
export class ServerApi {
  readonly #url: () => string;
  readonly #keys: Keys | undefined;

  constructor(url: () => string, keys?: Keys) {
    this.#url = url;
    this.#keys = keys;
  }

  /** One request, with the signing key as bearer unless `headers` says otherwise. `body` other than a string goes as JSON. */
  async request(
    method: string,
    path: string,
    { body, headers = {} }: { body?: JsonValue | undefined; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const answer = await fetch(this.#url() + path, {
      method,
      headers: {
        ...(this.#keys !== undefined && { authorization: `Bearer ${this.#keys.signingKey}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      redirect: 'manual',
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, body: parseOrUndefined(text) as JsonObject };
  }

  /** `POST /e/{key}` with a body of any shape. */
  postEvents(body: JsonValue, headers: Record<string, string> = {}): Promise<Answer> {
    return this.request('POST', `/e/${this.#keys?.eventKey ?? 'any-key'}`, { body, headers });
  }

  /** Sends events and answers their internal IDs; throws unless they are accepted. */
  async send(...events: EventInput[]): Promise<string[]> {
    const answer = await this.postEvents(events as unknown as JsonValue);
    if (answer.status !== 200) throw new Error(`events were refused with ${answer.status}: ${answer.text}`);
    return answer.body['ids'] as string[];
  }

  /** Sends one event and answers its internal ID. */
  async sendOne(event: EventInput): Promise<string> {
    const [id] = await this.send(event);
    if (id === undefined) throw new Error('an accepted event has no ID');
    return id;
  }

  /** The event as `GET /v1/events/{id}` shows it, once history has it: events are written in batches. */
  waitForEvent(eventId: string): Promise<EventView> {
    return until(`event ${eventId} in history`, async () => {
      const answer = await this.request('GET', `/v1/events/${eventId}`);
      return answer.status === 200 ? (answer.body['data'] as unknown as EventView) : undefined;
    });
  }

  async runsOf(eventId: string): Promise<RunView[]> {
    const answer = await this.request('GET', `/v1/events/${eventId}/runs`);
    if (answer.status !== 200) throw new Error(`runs of ${eventId}: ${answer.status} ${answer.text}`);
    return answer.body['data'] as unknown as RunView[];
  }

  async run(runId: string): Promise<RunView> {
    const answer = await this.request('GET', `/v1/runs/${runId}`);
    if (answer.status !== 200) throw new Error(`run ${runId}: ${answer.status} ${answer.text}`);
    return answer.body['data'] as unknown as RunView;
  }

  /** A run, once it has ended. */
  waitForEnd(runId: string): Promise<RunView> {
    return until(`the end of run ${runId}`, async () => {
      const run = await this.run(runId);
      return hasEnded(run) ? run : undefined;
    });
  }

  /** The event's only run, once it satisfies `isWanted` (default: it has ended). */
  async waitForRun(
    eventId: string,
    { isWanted = hasEnded, waitMs }: { isWanted?: (run: RunView) => boolean; waitMs?: number } = {},
  ): Promise<RunView> {
    const [run, ...others] = await this.waitForRuns(eventId, 1, { isWanted, ...(waitMs !== undefined && { waitMs }) });
    if (run === undefined || others.length > 0)
      throw new Error(`expected one run of ${eventId}, got ${1 + others.length}`);
    return run;
  }

  /** The event's runs, once there are at least `count` and all satisfy `isWanted` (default: they have ended). */
  waitForRuns(
    eventId: string,
    count: number,
    { isWanted = hasEnded, waitMs }: { isWanted?: (run: RunView) => boolean; waitMs?: number } = {},
  ): Promise<RunView[]> {
    let seen: RunView[] = [];
    const look = async () => {
      seen = await this.runsOf(eventId);
      return seen.length >= count && seen.every(isWanted) ? seen : undefined;
    };
    return until(`${count} run(s) of event ${eventId}`, look, {
      ...(waitMs !== undefined && { waitMs }),
      describe: () => JSON.stringify(seen),
    });
  }
}

export function hasEnded(run: RunView): boolean {
  return ENDED.has(run.status);
}

function parseOrUndefined(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
