/** Hints between roles, by topic (glossary: a lost hint costs milliseconds, never work). */
export interface BusTopics {
  /** Jobs became ready: idle executors claim. */
  'jobs-ready': Record<string, never>;
  /** The outbox has entries: the runner drains. */
  'outbox-filled': Record<string, never>;
  /** Registered functions changed: reload them. */
  'functions-changed': Record<string, never>;
}

/** Best effort: a message may be lost, doubled or late; nothing may depend on it. */
export interface Bus {
  /** Never fails and never waits for a receiver. */
  publish<T extends keyof BusTopics>(topic: T, message: BusTopics[T]): void;
  /** Calls `receive` for each message from now on, until the returned function is called. */
  subscribe<T extends keyof BusTopics>(topic: T, receive: (message: BusTopics[T]) => void): () => void;
  close(): Promise<void>;
}
