import { isUlid, ulidTimeMs } from '@perdure/domain';
import { expect, test } from 'vitest';

import { testIds } from './test-ids.ts';

test('the same seed gives the same values, another seed others', () => {
  expect(takeOneOfEach(7)).toEqual(takeOneOfEach(7));
  expect(takeOneOfEach(7)).not.toEqual(takeOneOfEach(8));
});

function takeOneOfEach(seed: number): unknown[] {
  const ids = testIds(seed);
  return [ids.ulid(5), ids.token(), ids.uuid(), ids.random()];
}

test('ULIDs carry their time and sort in the order in which they were made', () => {
  const ids = testIds();
  const ulids = Array.from({ length: 300 }, () => ids.ulid(1_700_000_000_000));

  expect(ulids.every(isUlid)).toBe(true);
  expect(new Set(ulids.map(ulidTimeMs))).toEqual(new Set([1_700_000_000_000]));
  expect(ulids).toEqual(ulids.toSorted());
});

test('tokens and UUIDs have their shapes, random numbers lie in [0, 1)', () => {
  const ids = testIds();

  expect(ids.token()).toMatch(/^[\w-]{22}$/);
  expect(ids.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const numbers = Array.from({ length: 1_000 }, () => ids.random());
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  expect(numbers.reduce((sum, n) => sum + n, 0) / numbers.length).toBeCloseTo(0.5, 1);
});
