import type { Clock, EpochMs } from '@perdure/domain';

import { DELIVERIES_MAX, GROUPS, type Delivery, type GroupName, type StreamTopic } from '../../event-stream.ts';
import type { MessageTail } from './message-tail.ts';
import { PullWaiters } from './pull-waiters.ts';
import { RedeliverySchedule } from './redelivery-schedule.ts';
import type { Attempts, DeadLetter, StreamTables } from './stream-tables.ts';

/** An answer ends with the message that exceeds this, so that large messages do not fill the memory. */
export const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** What the next commit must store for a group. */
export interface GroupChanges {
  cursor: number;
  acks: [seq: number, StreamTopic][];
  attempts: [seq: number, Attempts][];
  deadLetters: [seq: number, DeadLetter][];
}

export interface GroupSettings {
  tables: StreamTables;
  tail: MessageTail;
  clock: Clock;
  ackWaitMs: number;
}

/**
 * One consumer group: what it was given, and what it has acknowledged. Everything here is in memory; what must survive
 * the process is handed out as `changes` and written by the stream's next commit.
 *
 * 1. A message is in at most one place: fresh (not below the cursor), in the schedule, or acknowledged.
 * 2. Nothing is delivered that is not on the disk yet: fresh messages end at `committedSeq`.
 * 3. The stored cursor is never ahead of what was delivered; below it, what has no `attempts` row counts as delivered once.
 */
export class ConsumerGroup {
  readonly name: GroupName;
  readonly topics: readonly StreamTopic[];
  readonly waiters: PullWaiters;
  readonly #tail: MessageTail;
  readonly #clock: Clock;
  readonly #ackWaitMs: number;
  readonly #schedule = new RedeliverySchedule();
  /** Acknowledged, while another group still keeps the message. */
  readonly #acked = new Set<number>();
  /** The rows of the group in `attempts`, as they are or are about to be. */
  readonly #attempts = new Map<number, Attempts>();
  /** Put back before this process: found in the schedule, not among the fresh. */
  readonly #restored = new Set<number>();
  readonly #unsavedAcks = new Map<number, StreamTopic>();
  readonly #unsavedAttempts = new Map<number, Attempts>();
  readonly #unsavedDeadLetters = new Map<number, DeadLetter>();
  /** The next fresh message. */
  #cursor = 0;
  #savedCursor: number;
  /** An earlier process may have delivered what lies below. */
  readonly #recoveredBelow: number;

  constructor(name: GroupName, { tables, tail, clock, ackWaitMs }: GroupSettings) {
    this.name = name;
    this.topics = GROUPS[name];
    this.#tail = tail;
    this.#clock = clock;
    this.#ackWaitMs = ackWaitMs;
    this.#savedCursor = tables.findCursor(name) ?? 0;
    this.#recoveredBelow = this.#savedCursor;
    this.waiters = new PullWaiters(clock);
    for (const seq of tables.acksOf(name)) this.#acked.add(seq);
    for (const [seq, attempts] of tables.attemptsOf(name)) this.#restore(seq, attempts);
  }

  get ackedCount(): number {
    return this.#acked.size;
  }

  /** Whether the group does not need the message any more. */
  isDoneWith(seq: number, topic: StreamTopic): boolean {
    return this.#acked.has(seq) || !this.topics.includes(topic);
  }

  hasAttempts(seq: number): boolean {
    return this.#attempts.has(seq);
  }

  /** Up to `messagesMax` messages that are due again or fresh; they are in hand from now on. */
  take(committedSeq: number, messagesMax: number): Delivery[] {
    const taken: Delivery[] = [];
    const now = this.#clock.now();
    let bytes = 0;
    const deliver = (delivery: Delivery): boolean => {
      taken.push(delivery);
      bytes += delivery.body.length;
      this.#hold(delivery, now);
      return taken.length < messagesMax && bytes < ANSWER_BYTES_MAX;
    };
    if (this.#takeDue(now, deliver)) this.#takeFresh(committedSeq, deliver);
    return taken;
  }

  nextDueAt(): EpochMs | undefined {
    return this.#schedule.nextDueAt();
  }

  ack(seq: number): void {
    const topic = this.#tail.findTopic(seq);
    if (topic === undefined || this.isDoneWith(seq, topic)) return;
    this.#schedule.remove(seq);
    this.#acked.add(seq);
    this.#unsavedAcks.set(seq, topic);
  }

  /** The ack wait of what is in hand starts anew. */
  extend(seq: number): void {
    const held = this.#schedule.inHand(seq);
    if (held !== undefined) this.#schedule.hold({ ...held, at: this.#clock.now() + this.#ackWaitMs });
  }

  /** False when the message is not in hand: then nothing changes. */
  putBack(seq: number, delayMs: number, reason: string): boolean {
    const held = this.#schedule.inHand(seq);
    if (held === undefined) return false;
    if (held.deliveries >= DELIVERIES_MAX) {
      this.#giveUp(seq, held.deliveries, reason);
      return true;
    }
    const at = this.#clock.now() + delayMs;
    this.#schedule.putBack({ seq, deliveries: held.deliveries, at });
    this.#saveAttempts(seq, { deliveries: held.deliveries, dueAt: at });
    return true;
  }

  changes(): GroupChanges {
    return {
      cursor: Math.max(this.#cursor, this.#savedCursor),
      acks: [...this.#unsavedAcks],
      attempts: [...this.#unsavedAttempts],
      deadLetters: [...this.#unsavedDeadLetters],
    };
  }

  get hasChanges(): boolean {
    return (
      this.#cursor > this.#savedCursor ||
      this.#unsavedAcks.size + this.#unsavedAttempts.size + this.#unsavedDeadLetters.size > 0
    );
  }

  /** These changes are on the disk. What changed again meanwhile stays for the next commit. */
  saved({ cursor, acks, attempts, deadLetters }: GroupChanges): void {
    this.#savedCursor = cursor;
    for (const [seq] of acks) this.#unsavedAcks.delete(seq);
    for (const [seq, value] of attempts) {
      if (this.#unsavedAttempts.get(seq) === value) this.#unsavedAttempts.delete(seq);
    }
    for (const [seq] of deadLetters) this.#unsavedDeadLetters.delete(seq);
  }

  /** The message is gone: every group of its topic has acknowledged it. */
  forget(seq: number): void {
    this.#acked.delete(seq);
    this.#attempts.delete(seq);
    this.#unsavedAttempts.delete(seq);
  }

  #restore(seq: number, attempts: Attempts): void {
    this.#attempts.set(seq, attempts);
    if (attempts.dueAt === 0) return;
    this.#restored.add(seq);
    this.#schedule.putBack({ seq, deliveries: attempts.deliveries, at: attempts.dueAt });
  }

  /** Answers whether there is room for more. */
  #takeDue(now: EpochMs, deliver: (delivery: Delivery) => boolean): boolean {
    for (;;) {
      const due = this.#schedule.takeDue(now);
      if (due === undefined) return true;
      const { seq, deliveries } = due.entry;
      if (due.wasInHand && deliveries >= DELIVERIES_MAX) {
        this.#giveUp(seq, deliveries, `not acknowledged within ${this.#ackWaitMs} ms`);
        continue;
      }
      const message = this.#tail.find(seq);
      if (message === undefined) continue;
      if (!deliver({ ...message, deliveryCount: deliveries + 1 })) return false;
    }
  }

  #takeFresh(committedSeq: number, deliver: (delivery: Delivery) => boolean): void {
    for (const message of this.#tail.between(this.#cursor, committedSeq)) {
      const { seq, topic } = message;
      this.#cursor = seq + 1;
      if (this.isDoneWith(seq, topic) || this.#restored.has(seq)) continue;
      if (!deliver({ ...message, deliveryCount: this.#deliveriesBefore(seq) + 1 })) return;
    }
    this.#cursor = Math.max(this.#cursor, committedSeq + 1);
  }

  /** By earlier processes. */
  #deliveriesBefore(seq: number): number {
    if (seq >= this.#recoveredBelow) return 0;
    return this.#attempts.get(seq)?.deliveries ?? 1;
  }

  #hold({ seq, deliveryCount }: Delivery, now: EpochMs): void {
    this.#schedule.hold({ seq, deliveries: deliveryCount, at: now + this.#ackWaitMs });
    // The first delivery is told by the cursor: only repeats cost a row.
    if (deliveryCount > 1) this.#saveAttempts(seq, { deliveries: deliveryCount, dueAt: 0 });
  }

  #saveAttempts(seq: number, attempts: Attempts): void {
    this.#attempts.set(seq, attempts);
    this.#unsavedAttempts.set(seq, attempts);
  }

  #giveUp(seq: number, deliveries: number, reason: string): void {
    const message = this.#tail.find(seq);
    if (message === undefined) return;
    this.#unsavedDeadLetters.set(seq, { ...message, deliveryCount: deliveries, reason });
    this.ack(seq);
  }
}
