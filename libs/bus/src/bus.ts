/** Hints between roles, by topic (glossary: a lost hint costs milliseconds, never work). */
export interface BusTopics {
  /** Jobs of a cell became ready: idle executors claim. */
  'jobs-ready': { cell: number };
  /** The outbox of a cell has entries: the runner drains. */
  'outbox-filled': { cell: number };
  /** Registered functions changed: reload them. */
  'functions-changed': Record<string, never>;
}

/** Best effort: a message may be lost, doubled or late; nothing may depend on it. */
export interface Bus {
  /** Never fails and never waits for a receiver. */
  publish<T extends keyof BusTopics>(topic: T, message: BusTopics[T]): void;
  /** Calls `receive` for each message from now on, until the returned function is called. */
  subscribe<T extends keyof BusTopics>(topic: T, receive: (message: BusTopics[T]) => void): () => void;
  /**
   * Calls `receive` each time when messages of any topic may have been lost for a while and arrive again, until the
   * returned function is called: the moment to look once. Messages that are lost one by one are not noticed.
   */
  onGap(receive: () => void): () => void;
  /** Repeating changes nothing. */
  close(): Promise<void>;
}
