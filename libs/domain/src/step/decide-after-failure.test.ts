import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BACKOFF_JITTER_MS, BACKOFF_MS, decideAfterFailure } from './decide-after-failure.ts';

const now = Date.UTC(2026, 10, 21, 12);
const seconds = (n: number): number => n * 1_000;

describe('backoff', () => {
  test.each([
    [0, 15],
    [1, 30],
    [2, 60],
    [3, 120],
    [4, 300],
    [5, 600],
    [6, 1_200],
    [7, 2_400],
    [8, 3_600],
    [9, 7_200],
    [15, 7_200],
  ])('[E39] after failed attempt %d the base delay is %d s', (attempt, base) => {
    const failure = { attempt, attemptsMax: 21, isRetriable: true };

    expect(decideAfterFailure(failure, { now, random: 0 })).toEqual({
      kind: 'retry',
      attempt: attempt + 1,
      notBefore: now + seconds(base),
    });
  });

  test('[E39] jitter adds less than 30 seconds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 19 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, random) => {
          const next = decideAfterFailure({ attempt, attemptsMax: 21, isRetriable: true }, { now, random });
          const base = BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)] ?? 0;

          const delayMs = next.kind === 'retry' ? next.notBefore - now : Number.NaN;
          expect(delayMs).toBeGreaterThanOrEqual(base);
          expect(delayMs).toBeLessThan(base + BACKOFF_JITTER_MS);
        },
      ),
    );
  });

  test('a fixed delay for development replaces the table', () => {
    const failure = { attempt: 3, attemptsMax: 5, isRetriable: true };

    const next = decideAfterFailure(failure, { now, random: 0.9, policy: { fixedMs: 500 } });

    expect(next).toEqual({ kind: 'retry', attempt: 4, notBefore: now + 500 });
  });
});

describe('what the application asks for', () => {
  const retriable = { attempt: 0, attemptsMax: 5, isRetriable: true };
  const notBefore = (retryAt: number): number | undefined => {
    const next = decideAfterFailure({ ...retriable, retryAt }, { now, random: 0.5 });
    return next.kind === 'retry' ? next.notBefore - now : undefined;
  };

  test('[E45] the wished time is kept to the millisecond, never early', () => {
    expect(notBefore(now + 5_000)).toBe(5_000);
    expect(notBefore(now + 5_000.4)).toBe(5_001);
  });

  test('[E46] it is clamped to between one second and 24 hours', () => {
    expect(notBefore(now)).toBe(1_000);
    expect(notBefore(now - 60_000)).toBe(1_000);
    expect(notBefore(now + 48 * 3_600_000)).toBe(24 * 3_600_000);
  });
});

describe('the end of retrying', () => {
  test('[E40] with no retries the first failure is final', () => {
    const next = decideAfterFailure({ attempt: 0, attemptsMax: 1, isRetriable: true }, { now, random: 0 });

    expect(next).toEqual({ kind: 'fail', reason: 'attempts-exhausted' });
  });

  test('an error that is not retriable is final at once', () => {
    const next = decideAfterFailure({ attempt: 0, attemptsMax: 5, isRetriable: false }, { now, random: 0 });

    expect(next).toEqual({ kind: 'fail', reason: 'not-retriable' });
  });

  test('a retry-after grants no extra attempt', () => {
    const failure = { attempt: 4, attemptsMax: 5, isRetriable: true, retryAt: now + 2_000 };

    expect(decideAfterFailure(failure, { now, random: 0 })).toEqual({ kind: 'fail', reason: 'attempts-exhausted' });
  });
});
