import type { IncomingHttpHeaders } from 'node:http';

import type { JsonObject, JsonValue } from '@perdure/domain';

/** The event of a call, as delivered (sdk-protocol.md 6.3). */
export interface CallEvent {
  id: string;
  name: string;
  data: JsonObject;
  ts: number;
  user: JsonObject;
}

/** `ctx` of a call, as delivered. */
export interface CallContext {
  run_id: string;
  fn_id: string;
  attempt: number;
  max_attempts: number;
  stack: { current: number; stack: string[] };
  disable_immediate_execution: boolean;
  use_api: boolean;
  request_id?: string;
  job_id?: string;
  qi_id?: string;
  generation_id?: number;
  env?: string;
  step_id?: string;
}

interface CallBody {
  event: CallEvent;
  events: CallEvent[];
  steps: Record<string, JsonValue>;
  ctx: CallContext;
  version: number;
  use_api: boolean;
}

/** One call as a scripted application got it. The body is parsed when something asks for a part of it. */
export class ScriptedCall {
  /** The slug in the query: `{appName}-{functionId}`. */
  readonly slug: string;
  /** `step`, or the hash of the step to run. */
  readonly stepId: string;
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
  /** As received: what a signature covers. */
  readonly rawBody: string;
  /** Milliseconds of `performance.now()` when the call had arrived in full. */
  readonly arrivedMs: number = performance.now();
  /** Resolves when the connection or the answer has ended, whoever ended it. */
  readonly ended: Promise<void>;
  #body: CallBody | undefined;

  constructor(facts: { url: string; headers: IncomingHttpHeaders; rawBody: string; ended: Promise<void> }) {
    const query = new URLSearchParams(facts.url.slice(facts.url.indexOf('?') + 1));
    this.slug = query.get('fnId') ?? '';
    this.stepId = query.get('stepId') ?? '';
    this.url = facts.url;
    this.headers = facts.headers;
    this.rawBody = facts.rawBody;
    this.ended = facts.ended;
  }

  get body(): CallBody {
    this.#body ??= JSON.parse(this.rawBody) as CallBody;
    return this.#body;
  }

  get event(): CallEvent {
    return this.body.event;
  }

  get events(): CallEvent[] {
    return this.body.events;
  }

  /** Memos by step hash. */
  get steps(): Record<string, JsonValue> {
    return this.body.steps;
  }

  get ctx(): CallContext {
    return this.body.ctx;
  }

  get runId(): string {
    return this.body.ctx.run_id;
  }

  /** Counted from 0. */
  get attempt(): number {
    return this.body.ctx.attempt;
  }

  get version(): number {
    return this.body.version;
  }
}
