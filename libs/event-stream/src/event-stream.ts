import type { EpochMs } from '@perdure/domain';

/** One thing to be delivered: today an event. */
export interface StreamMessage {
  /** Appending an ID again within the dedup window (at least 2 minutes) stores nothing. */
  id: string;
  /** Opaque. */
  body: string;
}

export interface Delivery {
  /** Position in the stream; grows in the order of appending. */
  seq: number;
  id: string;
  body: string;
  /** When it was appended. */
  appendedAt: EpochMs;
  /** 1 at the first delivery to the group. */
  deliveryCount: number;
}

/**
 * The durable log between event-api and runner (architecture.md 3).
 *
 * Appending is durable, against loss of power of the machine too, before it is acknowledged; concurrent appends share a
 * flush. Each consumer group gets every message at least once, until it acknowledges it.
 */
export interface EventStream {
  /**
   * Stores all of `messages`, in order, or fails with none acknowledged (STREAM_WRITE_FAILED, DISK_FULL): then repeating
   * it is safe. Answers how many were new.
   */
  append(messages: StreamMessage[]): Promise<{ appended: number; duplicates: number }>;
  /**
   * The next undelivered messages of the group in order, and those due for redelivery; waits for the first one until
   * `signal` aborts (then an empty array). At most `messagesMax`. What is pulled and neither acknowledged nor put back
   * is redelivered after the ack wait, and at once when the process that pulled it is known to be gone.
   */
  pull(group: string, messagesMax: number, signal: AbortSignal): Promise<Delivery[]>;
  /** Done with these, by `seq`. Repeating changes nothing. */
  ack(group: string, seqs: number[]): Promise<void>;
  /** Redeliver after `delayMs`; after `DELIVERIES_MAX` deliveries the message goes to the dead letters instead. */
  putBack(group: string, seq: number, delayMs: number, reason: string): Promise<void>;
  /** Messages given up on, oldest first. */
  readDeadLetters(group: string, messagesMax: number): Promise<(Delivery & { reason: string })[]>;
  /** Undelivered and unacknowledged messages of the group. */
  lag(group: string): Promise<number>;
  /** Pulls that wait answer with an empty array; every other call fails with STREAM_CLOSED. Repeating changes nothing. */
  close(): Promise<void>;
}

export const DELIVERIES_MAX = 15;
