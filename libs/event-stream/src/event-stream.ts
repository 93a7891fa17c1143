import type { EpochMs } from '@perdure/domain';

/** What a message is: an event, or a batch of records for history. */
export type StreamTopic = 'events' | 'records';

/** Who reads the stream, and what of it. Each group gets each message of its topics, whatever other groups do. */
export const GROUPS = { runner: ['events'], recorder: ['events', 'records'] } as const satisfies Record<
  string,
  readonly StreamTopic[]
>;

export type GroupName = keyof typeof GROUPS;

export const GROUP_NAMES: readonly GroupName[] = ['runner', 'recorder'];

/** One thing to be delivered. */
export interface StreamMessage {
  /** Appending an ID again within the dedup window (at least 2 minutes) stores nothing. */
  id: string;
  topic: StreamTopic;
  /** Opaque, of any size. */
  body: string;
}

export interface Delivery extends StreamMessage {
  /** Position in the stream; grows in the order of appending. */
  seq: number;
  /** When it was appended. */
  appendedAt: EpochMs;
  /** 1 at the first delivery to the group. */
  deliveryCount: number;
}

export interface DeadLetter extends Delivery {
  reason: string;
}

/**
 * The durable log between event-api and runner (architecture.md 3).
 *
 * Appending is durable, against loss of power of the machine too, before it is acknowledged; concurrent appends share a
 * flush. Each consumer group gets every message of its topics at least once, until it acknowledges it. Any number of
 * processes may pull for a group: they share its messages.
 */
export interface EventStream {
  /**
   * Stores all of `messages`, in order, or fails with none acknowledged (STREAM_UNAVAILABLE, STREAM_WRITE_FAILED,
   * DISK_FULL): then repeating it is safe. Answers how many were new.
   */
  append(messages: StreamMessage[]): Promise<{ appended: number; duplicates: number }>;
  /**
   * The next undelivered messages of the group in order, and those due for redelivery; waits for the first one until
   * `signal` aborts (then an empty array). At most `messagesMax`. What is pulled and neither acknowledged nor put back
   * is redelivered after the ack wait, and at once when the process that pulled it is known to be gone.
   */
  pull(group: GroupName, messagesMax: number, signal: AbortSignal): Promise<Delivery[]>;
  /** Done with these, by `seq`. Repeating changes nothing. */
  ack(group: GroupName, seqs: number[]): Promise<void>;
  /** Still working on these: the ack wait starts anew. */
  extend(group: GroupName, seqs: number[]): Promise<void>;
  /** Redeliver after `delayMs`; after `DELIVERIES_MAX` deliveries the message goes to the dead letters instead. */
  putBack(group: GroupName, seq: number, delayMs: number, reason: string): Promise<void>;
  /** Messages given up on, oldest first. They stay until they are retried or dropped. */
  readDeadLetters(group: GroupName, messagesMax: number): Promise<DeadLetter[]>;
  /**
   * Appends the message of a dead letter again, with its ID, whatever was remembered of it, and removes the letter. Every
   * group of its topic gets it, as with any repeated delivery. False: there is no such letter.
   */
  retryDeadLetter(group: GroupName, seq: number): Promise<boolean>;
  /** Removes a dead letter for good. False: there is no such letter. */
  dropDeadLetter(group: GroupName, seq: number): Promise<boolean>;
  /** Undelivered and unacknowledged messages of the group. */
  lag(group: GroupName): Promise<number>;
  /**
   * What was appended to the topic since an instant, acknowledged or not, after position `afterSeq`, in order: as far as
   * it is still kept. At most `messagesMax`; only an empty answer says that there is no more. To bring back what the store
   * lost.
   */
  readSince(topic: StreamTopic, since: EpochMs, afterSeq: number, messagesMax: number): Promise<StreamedMessage[]>;
  /** Pulls that wait answer with an empty array; every other call fails with STREAM_CLOSED. Repeating changes nothing. */
  close(): Promise<void>;
}

export type StreamedMessage = Omit<Delivery, 'deliveryCount'>;

export const DELIVERIES_MAX = 15;
