import { expect } from 'vitest';

/** What a machine that does other things may add to the latest instant that the specification allows. */
const BUSY_MACHINE_MS = 1_500;

/** Not earlier than `least`: that is exact. Not later than `most`, on a machine that has nothing else to do. */
export function expectWithin(ms: number, [least, most]: readonly [least: number, most: number], what?: string): void {
  expect(ms, what).toBeGreaterThanOrEqual(least);
  expect(ms, what).toBeLessThanOrEqual(most + BUSY_MACHINE_MS);
}
