import { expect, test } from 'vitest';
import { isUlid, ulidTimeMs } from '@perdure/domain';
import { systemIds } from './system-ids.ts';

const NOW = 1_795_215_794_569;

test('ULIDs of one instant ascend, whatever other instants are asked for in between', () => {
  const ids = Array.from({ length: 5000 }, () => {
    systemIds.ulid(NOW + 7);
    return systemIds.ulid(NOW);
  });

  expect(ids).toEqual([...new Set(ids)].toSorted());
  expect(ids.every((id) => isUlid(id) && ulidTimeMs(id) === NOW)).toBe(true);
});

test('tokens are 128 bits, URL-safe and distinct', () => {
  const tokens = Array.from({ length: 2000 }, () => systemIds.token());

  expect(new Set(tokens).size).toBe(2000);
  for (const token of tokens) expect(token).toMatch(/^[\w-]{22}$/);
});

test('UUIDs are of version 4', () => {
  expect(systemIds.uuid()).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
});

test('random numbers spread over [0, 1)', () => {
  const tenths = new Set(Array.from({ length: 1000 }, () => Math.floor(systemIds.random() * 10)));

  expect(tenths).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
});
