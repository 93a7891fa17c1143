import { setTimeout as delay } from 'node:timers/promises';
import type { JetStreamManager } from '@nats-io/jetstream';

import { declareStreams, isAnythingMissing, type StreamSettings } from './declare-streams.ts';
import { mayBecomePossible, reasonOf, toStreamError } from './nats-errors.ts';
import type { StreamNames } from './stream-names.ts';
import type { TellStatus } from './stream-status.ts';

const RETRY_MS = 500;
/** A server that is still deleting a stream may take the new one of the same name apart with it. */
const DELETION_MS = 1_000;

/** Sees to it that the streams and consumers exist, when the stream is opened and whenever one seems to be missing. */
export class Declaration {
  readonly #manager: JetStreamManager;
  readonly #names: StreamNames;
  readonly #settings: StreamSettings;
  readonly #tell: TellStatus;
  #running: Promise<void> | undefined;
  #ranAt = -Infinity;
  #trouble: string | undefined;
  readonly #onMade = new Set<() => void>();

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

  /** Calls `listener` when something was made again, until the returned function is called. */
  onMade(listener: () => void): () => void {
    this.#onMade.add(listener);
    return () => void this.#onMade.delete(listener);
  }

  /** Makes again what is missing, and tells; what cannot be made now is told once. Calls share what is under way. */
  repair(): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    if (performance.now() - this.#ranAt < RETRY_MS) return Promise.resolve();
    this.#running = this.#repair().finally(() => {
      this.#ranAt = performance.now();
      this.#running = undefined;
    });
    return this.#running;
  }

  async #repair(): Promise<void> {
    try {
      if (await isAnythingMissing(this.#manager, this.#names)) await delay(DELETION_MS);
      const created = await declareStreams(this.#manager, this.#names, this.#settings);
      this.#trouble = undefined;
      if (created.length === 0) return;
      for (const listener of this.#onMade) listener();
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
