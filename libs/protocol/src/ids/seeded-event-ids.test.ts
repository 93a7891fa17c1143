import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeUlid, isUlid, ulidTimeMs } from '@perdure/domain';
import { seededEventIds } from './seeded-event-ids.ts';

const TIME = 1_795_215_794_569;

function seedOf(entropy: number[]): string {
  return `${TIME},${Buffer.from(entropy).toString('base64')}`;
}

test('event i has the entropy of the seed with i + 1 added to its last four bytes', () => {
  const idOf = seededEventIds(seedOf([1, 2, 3, 4, 5, 6, 0, 0, 0, 255]));

  expect(idOf?.(0)).toBe(encodeUlid(TIME, Uint8Array.of(1, 2, 3, 4, 5, 6, 0, 0, 1, 0)));
  expect(idOf?.(256)).toBe(encodeUlid(TIME, Uint8Array.of(1, 2, 3, 4, 5, 6, 0, 0, 2, 0)));
});

test('the counter wraps around without touching the other bytes', () => {
  const idOf = seededEventIds(seedOf([9, 9, 9, 9, 9, 9, 255, 255, 255, 255]));

  expect(idOf?.(0)).toBe(encodeUlid(TIME, Uint8Array.of(9, 9, 9, 9, 9, 9, 0, 0, 0, 0)));
});

test('the same seed gives the same IDs, distinct ones, of the time of the seed', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 10, maxLength: 10 }), (entropy) => {
      const ids = Array.from({ length: 20 }, (_, i) => seededEventIds(seedOf(entropy))?.(i) ?? '');

      expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => seededEventIds(seedOf(entropy))?.(i)));
      expect(new Set(ids).size).toBe(20);
      for (const id of ids) expect([isUlid(id), ulidTimeMs(id)]).toEqual([true, TIME]);
    }),
  );
});

test.each([
  '',
  'x',
  String(TIME),
  `${TIME},`,
  `${TIME},AAAA`,
  `${TIME},AAAAAAAAAAAAAAAA`,
  `${TIME},!!!!!!!!!!!!!!==`,
  `0,AAAAAAAAAAAAAA==`,
  `-1,AAAAAAAAAAAAAA==`,
  `1.5,AAAAAAAAAAAAAA==`,
  `999999999999999,AAAAAAAAAAAAAA==`,
  `${TIME},AAAAAAAAAAAAAA==,`,
])('the malformed seed %j is ignored', (seed) => {
  expect(seededEventIds(seed)).toBeUndefined();
});
