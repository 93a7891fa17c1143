import { expect, test } from 'vitest';

import { median, percentile, perSecond } from './statistics.ts';

test('a percentile is the nearest rank among the samples, in any order', () => {
  const samples = Array.from({ length: 100 }, (_, i) => 100 - i);

  expect(percentile(samples, 0.5)).toBe(50);
  expect(percentile(samples, 0.99)).toBe(99);
  expect(percentile(samples, 1)).toBe(100);
  expect(percentile([7], 0.99)).toBe(7);
  expect(percentile([3, 1, 2], 0.5)).toBe(2);
});

test('of no samples there is no percentile', () => {
  expect(percentile([], 0.5)).toBeNaN();
});

test('numbers sort as numbers', () => {
  expect(median([9, 10, 100])).toBe(10);
});

test('a rate is counted by the second', () => {
  expect(perSecond(500, 250)).toBe(2_000);
});
