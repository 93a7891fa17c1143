import type { JsonObject } from '@perdure/domain';

import { eventNameOf, type FunctionName } from '../application/functions.ts';
import { Poster } from './poster.ts';

const CONNECTIONS = 64;

/** One run to start: its number travels in the event and comes back with the calls. */
export interface RunEvent {
  fn: FunctionName;
  run: number;
  more?: JsonObject;
}

/** Sends events as an SDK does. */
export class EventClient {
  readonly #poster: Poster;
  readonly #path: string;
  #nextRun = 1;

  constructor(serverUrl: string, eventKey: string) {
    this.#poster = new Poster(serverUrl, CONNECTIONS);
    this.#path = `/e/${encodeURIComponent(eventKey)}`;
  }

  /** A number that no run of this benchmark has. */
  newRun(): number {
    return this.#nextRun++;
  }

  /** One request; resolves once the server has acknowledged all of them. */
  send(events: readonly RunEvent[]): Promise<void> {
    return this.sendRaw(
      JSON.stringify(events.map(({ fn, run, more }) => eventObject(eventNameOf(fn), { run, ...more }))),
    );
  }

  sendRaw(body: string): Promise<void> {
    return this.#poster.post(this.#path, body);
  }

  close(): Promise<void> {
    return this.#poster.close();
  }
}

export function eventObject(name: string, data: JsonObject): JsonObject {
  return { name, data };
}
