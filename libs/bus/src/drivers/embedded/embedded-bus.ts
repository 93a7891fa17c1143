import type { Bus, BusTopics } from '../../bus.ts';

type Topic = keyof BusTopics;
/** By topic, what takes its messages. */
type Receivers = { [T in Topic]: Set<(message: BusTopics[T]) => void> };

export interface EmbeddedBusOptions {
  /** Told what a receiver threw: neither the publisher nor other receivers notice it. */
  onError: (error: unknown, topic: Topic) => void;
}

/** Hints between the roles of one process. */
export function openEmbeddedBus(options: EmbeddedBusOptions): Bus {
  return new EmbeddedBus(options);
}

class EmbeddedBus implements Bus {
  readonly #onError: EmbeddedBusOptions['onError'];
  readonly #receivers: Receivers = {
    'jobs-ready': new Set(),
    'outbox-filled': new Set(),
    'functions-changed': new Set(),
    realtime: new Set(),
  };
  #isClosed = false;

  constructor({ onError }: EmbeddedBusOptions) {
    this.#onError = onError;
  }

  publish<T extends Topic>(topic: T, message: BusTopics[T]): void {
    // In a microtask: what a receiver does must not run inside the publisher's operation, and costs it no turn.
    for (const receive of this.#receivers[topic]) {
      queueMicrotask(() => this.#deliver(topic, receive, message));
    }
  }

  subscribe<T extends Topic>(topic: T, receive: (message: BusTopics[T]) => void): () => void {
    if (this.#isClosed) return () => {};
    // A function of its own for each subscription: the same receiver may subscribe twice and leave once.
    const own = (message: BusTopics[T]): void => receive(message);
    this.#receivers[topic].add(own);
    return () => void this.#receivers[topic].delete(own);
  }

  /** Never called: within a process nothing is lost. */
  onGap(): () => void {
    return () => {};
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const receivers of Object.values(this.#receivers)) receivers.clear();
    return Promise.resolve();
  }

  #deliver<T extends Topic>(topic: T, receive: (message: BusTopics[T]) => void, message: BusTopics[T]): void {
    // It may have left, or the bus been closed, since the message was published.
    if (!this.#receivers[topic].has(receive)) return;
    try {
      receive(message);
    } catch (error) {
      this.#onError(error, topic);
    }
  }
}
