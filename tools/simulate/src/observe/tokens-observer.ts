import type { Findings } from './findings.ts';

export interface TokenRate {
  /** Let through at once. */
  capacity: number;
  periodMs: number;
  /** Let through in one period. */
  limit: number;
}

interface Bucket {
  taken: number;
  /** The least of `n - t / interval` over all that were let through: number n at the instant t. */
  least: number;
}

/**
 * Watches that never more were let through than capacity and rate allow, in any span of time: from the j-th to the i-th are
 * at most `capacity + (t_i - t_j) / interval`. It keeps no theoretical arrival time, as the store does, and so can find it wrong.
 */
export class TokensObserver {
  readonly #buckets = new Map<string, Bucket>();
  readonly #findings: Findings;
  readonly #what: string;

  constructor(what: string, findings: Findings) {
    this.#what = what;
    this.#findings = findings;
  }

  /** One was let through. */
  take(name: string, rate: TokenRate, now: number): void {
    const bucket = this.#buckets.get(name) ?? { taken: 0, least: Infinity };
    bucket.taken += 1;
    const place = bucket.taken - now / intervalOf(rate);
    bucket.least = Math.min(bucket.least, place);
    this.#buckets.set(name, bucket);
    if (place - bucket.least > rate.capacity - 1 + ROUNDING) {
      this.#findings.add(`${this.#what} ${name} let number ${bucket.taken} through at ${now}, too early`);
    }
  }

  /** Whether another one may be let through. */
  hasToken(name: string, rate: TokenRate, now: number): boolean {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return true;
    return bucket.taken + 1 - now / intervalOf(rate) - bucket.least <= rate.capacity - 1;
  }
}

/** Instants divided by an interval have this much of an error. */
const ROUNDING = 1e-3;

/** Of whole microseconds, as documented for buckets. */
function intervalOf({ periodMs, limit }: TokenRate): number {
  return Math.max(1, Math.floor((periodMs * 1000) / limit)) / 1000;
}
