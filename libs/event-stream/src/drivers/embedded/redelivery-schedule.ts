import type { EpochMs } from '@perdure/domain';

/** A message that was delivered and is not acknowledged: when it is to be delivered again, and how often it was. */
export interface Unacknowledged {
  seq: number;
  deliveries: number;
  at: EpochMs;
}

/**
 * Delivered messages of one group by the instant at which they are due again. Those in hand have all the same wait, so
 * that a Map keeps them in order for nothing; those put back wait as long as they were told to, and are few.
 */
export class RedeliverySchedule {
  readonly #inHand = new Map<number, Unacknowledged>();
  /** Ascending by `at`. */
  readonly #putBack: Unacknowledged[] = [];

  /** Delivered now: due when its ack wait ends. */
  hold(entry: Unacknowledged): void {
    this.#inHand.delete(entry.seq);
    this.#inHand.set(entry.seq, entry);
  }

  inHand(seq: number): Unacknowledged | undefined {
    return this.#inHand.get(seq);
  }

  putBack(entry: Unacknowledged): void {
    this.#inHand.delete(entry.seq);
    const later = this.#putBack.findLastIndex(({ at }) => at <= entry.at) + 1;
    this.#putBack.splice(later, 0, entry);
  }

  remove(seq: number): void {
    if (this.#inHand.delete(seq)) return;
    const index = this.#putBack.findIndex((entry) => entry.seq === seq);
    if (index !== -1) this.#putBack.splice(index, 1);
  }

  /** Takes out one that was put back and is due, then one whose ack wait ended. */
  takeDue(now: EpochMs): { entry: Unacknowledged; wasInHand: boolean } | undefined {
    const [putBack] = this.#putBack;
    if (putBack !== undefined && putBack.at <= now) {
      this.#putBack.shift();
      return { entry: putBack, wasInHand: false };
    }
    const oldest = this.#oldestInHand();
    if (oldest === undefined || oldest.at > now) return undefined;
    this.#inHand.delete(oldest.seq);
    return { entry: oldest, wasInHand: true };
  }

  nextDueAt(): EpochMs | undefined {
    const instants = [this.#putBack[0]?.at, this.#oldestInHand()?.at].filter((at) => at !== undefined);
    return instants.length === 0 ? undefined : Math.min(...instants);
  }

  #oldestInHand(): Unacknowledged | undefined {
    return this.#inHand.values().next().value;
  }
}
