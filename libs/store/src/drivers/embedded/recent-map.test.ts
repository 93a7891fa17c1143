import { expect, test } from 'vitest';
import { RecentMap } from './recent-map.ts';

test('what is used stays, what is not is forgotten', () => {
  const map = new RecentMap<number>(10);
  map.set('used', 1);
  map.set('unused', 2);

  for (let i = 0; i < 100; i++) {
    map.set(`other-${i}`, i);
    expect(map.get('used')).toBe(1);
  }

  expect(map.get('unused')).toBeUndefined();
});

test('the latest value counts, and a deleted key is gone from both generations', () => {
  const map = new RecentMap<number>(2);
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
    ['a', 4],
  ] as const)
    map.set(key, value);
  expect(map.get('a')).toBe(4);

  map.delete('a');

  expect(map.get('a')).toBeUndefined();
});
