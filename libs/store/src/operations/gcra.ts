/**
 * The generic cell rate algorithm in whole microseconds (execution.md 4.2): a bucket is one number, the theoretical
 * arrival time (TAT). Idle, it admits `capacity` at once, then one each `intervalUs`.
 */
export interface Rate {
  intervalUs: number;
  toleranceUs: number;
}

export function rateOf(limit: number, periodMs: number, capacity: number): Rate {
  const intervalUs = Math.max(1, Math.floor((periodMs * 1000) / limit));
  return { intervalUs, toleranceUs: intervalUs * capacity };
}

/** Whole tokens in the bucket now. */
export function tokensIn(rate: Rate, tatUs: number, nowMs: number): number {
  const nowUs = nowMs * 1000;
  return Math.max(0, Math.floor((rate.toleranceUs - (Math.max(tatUs, nowUs) - nowUs)) / rate.intervalUs));
}

/** The TAT after taking tokens that are in the bucket. */
export function tatAfter(rate: Rate, tatUs: number, nowMs: number, tokens: number): number {
  return Math.max(tatUs, nowMs * 1000) + tokens * rate.intervalUs;
}

/** The first millisecond at which an empty bucket has a token. */
export function nextTokenAt(rate: Rate, tatUs: number): number {
  return Math.ceil((tatUs + rate.intervalUs - rate.toleranceUs) / 1000);
}

/** Tokens that came from the first one, at `firstMs`, to now: one too many rather than one too few. */
export function tokensSince(rate: Rate, firstMs: number, nowMs: number): number {
  return Math.floor(((nowMs - firstMs) * 1000 + 999) / rate.intervalUs) + 1;
}

/** From this millisecond on the bucket is as good as never used. */
export function idleFrom(tatUs: number): number {
  return Math.ceil(tatUs / 1000);
}
