import type { Bus, LiveUpdate } from '@perdure/bus';
import { liveFrame, type LiveTopic, readLive } from '@perdure/protocol';

/** One message for those who listen to one topic. */
export interface LiveDelivery {
  /** JSON. */
  frame: string;
  /** What is relayed as it is (sdk-protocol.md 9.6.3). */
  relayed?: string;
}

export type ListenLive = (delivery: LiveDelivery) => void;

/**
 * Who listens in this process. What is published in any process comes by the bus, which delivers from the moment on at which
 * the hub exists, so that nobody who has connected misses what is published afterwards. Nothing is kept.
 */
export class RealtimeHub {
  readonly #listeners = new Map<string, Set<ListenLive>>();
  readonly #leave: () => void;

  constructor(bus: Bus) {
    this.#leave = bus.subscribe('realtime', (update) => this.#deliver(update));
  }

  /** Calls `listen` with each message to the topic from now on, until the returned function is called. */
  listen(topic: Omit<LiveTopic, 'kind'>, listen: ListenLive): () => void {
    const key = keyOf(topic);
    const listeners = this.#listeners.get(key) ?? new Set();
    // A function of its own: the same one may listen twice and leave once.
    const own: ListenLive = (delivery) => listen(delivery);
    this.#listeners.set(key, listeners.add(own));
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    };
  }

  /** Nobody listens. */
  get isIdle(): boolean {
    return this.#listeners.size === 0;
  }

  /** Nobody is told anything any more. Repeating changes nothing. */
  close(): void {
    this.#leave();
    this.#listeners.clear();
  }

  #deliver(update: LiveUpdate): void {
    if (this.isIdle) return;
    const message = readLive(update);
    for (const name of message.topics) {
      const listeners = this.#listeners.get(keyOf({ envId: message.envId, channel: message.channel, name }));
      if (listeners === undefined) continue;
      const delivery = {
        frame: liveFrame(message, name),
        ...(message.kind === 'relay' && { relayed: message.body }),
      };
      for (const listen of listeners) listen(delivery);
    }
  }
}

function keyOf({ envId, channel, name }: Omit<LiveTopic, 'kind'>): string {
  return JSON.stringify([envId, channel, name]);
}
