import type { EpochMs } from '../time/clock.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Base delay after failed attempt 0, 1, 2 ...; the last one repeats (execution.md 3.3). */
export const BACKOFF_MS: readonly number[] = [
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  20 * MINUTE,
  40 * MINUTE,
  HOUR,
  2 * HOUR,
];
/** Uniform jitter in [0, this) is added to the base delay. */
export const BACKOFF_JITTER_MS = 30 * SECOND;
export const RETRY_AFTER_MIN_MS = SECOND;
export const RETRY_AFTER_MAX_MS = 24 * HOUR;

export interface AttemptFailure {
  /** Counted from 0: the attempt that failed. */
  attempt: number;
  /** Retries + 1. */
  attemptsMax: number;
  isRetriable: boolean;
  /** The application's own wish for the next attempt; clamped to [now + 1 s, now + 24 h], never early (PD-17). */
  retryAt?: EpochMs;
}

export interface BackoffPolicy {
  /** A fixed delay for development, instead of the table. */
  fixedMs?: number;
}

export type AfterFailure =
  | { kind: 'retry'; attempt: number; notBefore: EpochMs }
  | { kind: 'fail'; reason: 'attempts-exhausted' | 'not-retriable' };

/** Whether and when a failed attempt is tried again. `random` is a uniform number in [0, 1). */
export function decideAfterFailure(
  failure: AttemptFailure,
  { now, random, policy }: { now: EpochMs; random: number; policy?: BackoffPolicy },
): AfterFailure {
  if (!failure.isRetriable) return { kind: 'fail', reason: 'not-retriable' };
  const attempt = failure.attempt + 1;
  if (attempt >= failure.attemptsMax) return { kind: 'fail', reason: 'attempts-exhausted' };
  return { kind: 'retry', attempt, notBefore: now + delayMs(failure, { now, random, ...(policy && { policy }) }) };
}

function delayMs(
  failure: AttemptFailure,
  { now, random, policy }: { now: EpochMs; random: number; policy?: BackoffPolicy },
): number {
  if (failure.retryAt !== undefined) {
    return Math.min(Math.max(Math.ceil(failure.retryAt - now), RETRY_AFTER_MIN_MS), RETRY_AFTER_MAX_MS);
  }
  if (policy?.fixedMs !== undefined) return policy.fixedMs;
  const base = BACKOFF_MS[Math.min(failure.attempt, BACKOFF_MS.length - 1)] ?? 0;
  return base + Math.floor(random * BACKOFF_JITTER_MS);
}
