import { expect, test } from 'vitest';
import { idlePace, paceBySize } from './pace.ts';

test('many cells are looked at less often, twice a second together at most', () => {
  expect(idlePace(5_000, 1)).toBe(5_000);
  expect(idlePace(5_000, 16)).toBe(8_000);
});

test('what is gone through as a whole is gone through less often the more there is', () => {
  expect(paceBySize(300_000, 1_000, 10)).toBe(300_000);
  expect(paceBySize(300_000, 100_000, 10)).toBe(1_000_000);
});
