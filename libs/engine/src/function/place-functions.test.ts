import type { ConcurrencyLimit, FunctionDefinition } from '@perdure/domain';
import { aFunction } from '@perdure/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeFunctions } from './place-functions.ts';

const CELLS = 16;

function limitedBy(id: string, ...concurrency: ConcurrencyLimit[]): FunctionDefinition {
  const fn = aFunction({ id });
  return { ...fn, flow: { ...fn.flow, concurrency } };
}

const shared = (key: string): ConcurrencyLimit => ({ limit: 1, scope: 'account', key });

test('functions without shared limits are spread over all cells', () => {
  const fns = Array.from({ length: 400 }, (_, n) => limitedBy(`fn-${n}`));

  const used = new Set(placeFunctions(fns, CELLS).values());

  expect(used.size).toBe(CELLS);
});

test('functions that share an account-scope key live together, also through a third', () => {
  const fns = [
    limitedBy('a', shared('event.data.tenant')),
    limitedBy('b', shared('event.data.tenant'), shared('event.data.user')),
    limitedBy('c', shared('event.data.user')),
  ];

  const cells = placeFunctions(fns, CELLS);

  expect(new Set(cells.values()).size).toBe(1);
});

test('a key of a function alone binds it to no other', () => {
  const own = { limit: 1, scope: 'fn', key: 'event.data.tenant' } as const;
  const fns = Array.from({ length: 100 }, (_, n) => limitedBy(`fn-${n}`, own));

  expect(new Set(placeFunctions(fns, CELLS).values()).size).toBeGreaterThan(1);
});

test('the order in which functions are listed changes nothing, and whoever shares a key shares a cell', () => {
  const keys = fc.uniqueArray(fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5', 'k6'), { maxLength: 2 });
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 12 }), fc.integer({ min: 1, max: CELLS }), (all, cells) => {
      const fns = all.map((some, n) => limitedBy(`fn-${n}`, ...some.map(shared)));

      const placed = placeFunctions(fns, cells);

      expect(placeFunctions(fns.toReversed(), cells)).toEqual(new Map([...placed].toReversed()));
      const cellsOfKey = new Map<string, Set<number | undefined>>();
      for (const [n, some] of all.entries()) {
        for (const key of some) cellsOfKey.set(key, (cellsOfKey.get(key) ?? new Set()).add(placed.get(`fn-${n}`)));
      }
      expect([...cellsOfKey.values()].filter((used) => used.size > 1)).toEqual([]);
    }),
  );
});
