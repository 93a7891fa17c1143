/**
 * What goes between roles, by topic: hints (glossary: a lost hint costs milliseconds, never work), of which one is as good as
 * many that are alike; and live updates, each of which counts.
 */
export interface BusTopics {
  /** Jobs of a cell became ready: idle executors claim. */
  'jobs-ready': { cell: number };
  /** The outbox of a cell has entries: the runner drains. */
  'outbox-filled': { cell: number };
  /** Registered functions changed: reload them. */
  'functions-changed': Record<string, never>;
  /** Something was published to realtime: to be shown to those who listen now. Kept for nobody. */
  realtime: LiveUpdate;
}

/** Up to about 1 MB in all: the most that NATS takes unless its server says otherwise. */
export interface LiveUpdate {
  /** What it is and whom it concerns; text without a line break, opaque here. */
  head: string;
  /** Any text, opaque here. */
  body: string;
}

/** Best effort: a message may be lost, doubled or late; nothing may depend on it. */
export interface Bus {
  /** Never fails and never waits for a receiver. What one process publishes to a topic arrives in that order, or not at all. */
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
