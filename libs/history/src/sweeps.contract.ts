import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { DEFAULT_ENV_ID } from '@perdure/domain';
import { TEST_START_AT } from '@perdure/testing';

import type { Sweep, Sweeps } from './sweeps.ts';

/** Opens without any sweep. */
export type OpenSweeps = () => Promise<{ sweeps: Sweeps; close(): Promise<void> }>;

const ENV = DEFAULT_ENV_ID;
const AT = TEST_START_AT;

function aSweep(id: string, facts: Partial<Sweep> = {}): Parameters<Sweeps['addSweep']>[0] {
  return { id, envId: ENV, kind: 'cancellation', functionId: 'f', spec: '{"a":1}', createdAt: AT, ...facts };
}

/** What every driver of sweeps must show. */
export function describeSweeps(name: string, open: OpenSweeps): void {
  describe(`sweeps ${name}`, () => {
    let opened: Awaited<ReturnType<OpenSweeps>>;
    let sweeps: Sweeps;

    beforeEach(async () => {
      opened = await open();
      sweeps = opened.sweeps;
    });

    afterEach(() => opened.close());

    const move = (id: string, from: string | undefined, to: string, more: { endedAt?: number } = {}) =>
      sweeps.moveSweep({ id, from, to, seen: 3, done: 2, failed: 1, ...more });

    test('a sweep is open with nothing done, and adding it again changes nothing', async () => {
      await sweeps.addSweep(aSweep('1'));
      await move('1', undefined, 'x');
      await sweeps.addSweep(aSweep('1'));

      expect(await sweeps.findSweep('1')).toEqual({
        ...aSweep('1'),
        state: 'open',
        cursor: 'x',
        seen: 3,
        done: 2,
        failed: 1,
      });
      expect(await sweeps.findSweep('2')).toBeUndefined();
    });

    test('of two that move it on from one place one counts', async () => {
      await sweeps.addSweep(aSweep('1'));

      const moved = await Promise.all([move('1', undefined, 'x'), move('1', undefined, 'x')]);

      expect(moved.toSorted()).toEqual([false, true]);
      expect(await move('1', 'x', 'y')).toBe(true);
      expect(await sweeps.findSweep('1')).toMatchObject({ cursor: 'y', seen: 6, done: 4, failed: 2 });
    });

    test('one that has ended moves no more', async () => {
      await sweeps.addSweep(aSweep('1'));
      await sweeps.addSweep(aSweep('2'));

      expect(await move('1', undefined, 'x', { endedAt: AT + 5 })).toBe(true);
      expect(await sweeps.stopSweep('2', AT + 6)).toBe(true);

      expect(await move('1', 'x', 'y')).toBe(false);
      expect(await move('2', undefined, 'y')).toBe(false);
      expect(await sweeps.stopSweep('1', AT + 7)).toBe(false);
      expect(await sweeps.findSweep('1')).toMatchObject({ state: 'done', endedAt: AT + 5 });
      expect(await sweeps.findSweep('2')).toMatchObject({ state: 'stopped', endedAt: AT + 6 });
    });

    test('lists are of one kind, newest first; open ones of both, oldest first', async () => {
      await sweeps.addSweep(aSweep('1'));
      await sweeps.addSweep(aSweep('2', { kind: 'replay' }));
      await sweeps.addSweep(aSweep('3'));
      await sweeps.stopSweep('3', AT);
      const ids = (found: Sweep[]): string[] => found.map(({ id }) => id);

      expect(ids(await sweeps.listSweeps({ envId: ENV, kind: 'cancellation', sweepsMax: 10 }))).toEqual(['3', '1']);
      expect(ids(await sweeps.listSweeps({ envId: 'other', kind: 'cancellation', sweepsMax: 10 }))).toEqual([]);
      expect(ids(await sweeps.listOpenSweeps(10))).toEqual(['1', '2']);
    });
  });
}
