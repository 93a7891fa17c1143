import { setTimeout as delay } from 'node:timers/promises';
import type { JetStreamManager } from '@nats-io/jetstream';

import { declareStreams, type StreamSettings } from './declare-streams.ts';
import { mayBecomePossible, reasonOf, toStreamError } from './nats-errors.ts';
import type { StreamNames } from './stream-names.ts';
import type { TellStatus } from './stream-status.ts';

const RETRY_MS = 500;

/** Sees to it that the streams and consumers exist, when the stream is opened and whenever one seems to be missing. */
export class Declaration {
  readonly #manager: JetStreamManager;
  readonly #names: StreamNames;
  readonly #settings: StreamSettings;
  readonly #tell: TellStatus;
  #running: Promise<void> | undefined;
  #ranAt = -Infinity;
  #trouble: string | undefined;

  constructor(parts: { manager: JetStreamManager; names: StreamNames; settings: StreamSettings; tell: TellStatus }) {
    this.#manager = parts.manager;
    this.#names = parts.names;
    this.#settings = parts.settings;
    this.#tell = parts.tell;
  }

  /** Throws STREAM_MISCONFIGURED, and STREAM_UNAVAILABLE when JetStream is not ready by `giveUpAt`. */
  async make(giveUpAt: number): Promise<void> {
    for (;;) {
      try {
        await declareStreams(this.#manager, this.#names, this.#settings);
        return;
      } catch (error) {
        if (!mayBecomePossible(error) || Date.now() + RETRY_MS > giveUpAt) throw toStreamError(error);
        await delay(RETRY_MS);
      }
    }
  }

  /** Makes again what is missing, and tells; what cannot be made now is told once. Calls share what is under way. */
  repair(): Promise<void> {
    if (performance.now() - this.#ranAt < RETRY_MS) return this.#running ?? Promise.resolve();
    this.#ranAt = performance.now();
    this.#running = this.#repair();
    return this.#running;
  }

  async #repair(): Promise<void> {
    try {
      const created = await declareStreams(this.#manager, this.#names, this.#settings);
      this.#trouble = undefined;
      if (created.length === 0) return;
      this.#tell({
        kind: 'recreated',
        message: `made again, because NATS did not have it any more: ${created.join(', ')}`,
      });
    } catch (error) {
      const message = reasonOf(error);
      if (message !== this.#trouble) this.#tell({ kind: 'unavailable', message });
      this.#trouble = message;
    }
  }
}
