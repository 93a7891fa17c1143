import { testIds } from '@perdure/testing';
import type { Ids } from '@perdure/domain';

import { until } from './poll.ts';

/** Of everything random in this process: `PERDURE_SEED=n` repeats it. It stands in the titles of tests that use it. */
export const seed = Number(process.env['PERDURE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Random numbers of one test: each test has its own, whatever others take. */
export function seeded(): Ids {
  return testIds(seed);
}

/** How long faults last: as the specification says in the soak, shorter in `npm test`. */
export function downtimeMs(fullMs: number, shortMs: number): number {
  return isSoak ? fullMs : shortMs;
}

export const isSoak = process.env['PERDURE_SOAK'] === '1';

/** Lets time pass in which a fault does its harm. */
export async function pass(what: string, ms: number): Promise<void> {
  const endsAt = performance.now() + ms;
  await until(`the end of ${what}`, () => performance.now() > endsAt || undefined, { waitMs: ms + 10_000 });
}
