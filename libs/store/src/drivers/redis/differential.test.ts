import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { testClock } from '@perdure/testing';
import { describeWithService } from '@perdure/testing/services/vitest';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';

import type { Store } from '../../store.ts';
import { openEmbeddedStore } from '../embedded/embedded-store.ts';
import { aStoreAction, ActionPlayer, type StoreAction } from './store-actions.contract.ts';
import { TestCells } from './test-cells.ts';

/**
 * Operations are written once and run as JavaScript and as Lua: the same random use of both drivers must get the same
 * answers and leave the same keys.
 */
describeWithService('redis', 'operations on both drivers', ({ url }) => {
  const cells = new TestCells(url);
  afterAll(() => cells.close());

  async function playOnBoth(actions: StoreAction[]): Promise<void> {
    const clocks = { embedded: testClock(), redis: testClock() };
    const folder = await mkdtemp(join(tmpdir(), 'perdure-differential-'));
    const embedded = await openEmbeddedStore({ path: folder, clock: clocks.embedded });
    const redis = await cells.open({ clock: clocks.redis });
    try {
      const onEmbedded = new ActionPlayer(embedded, clocks.embedded);
      const onRedis = new ActionPlayer(redis, clocks.redis);
      await Promise.all([onEmbedded.registerFunctions(), onRedis.registerFunctions()]);
      for (const action of actions) {
        const expected = await onEmbedded.play(action);
        expect({ action, answer: await onRedis.play(action) }).toEqual({ action, answer: expected });
      }
      await expectSameKeys(embedded, redis);
    } finally {
      await Promise.all([embedded.close(), redis.close()]);
      await rm(folder, { recursive: true });
    }
  }

  test('the same random use gets the same answers and leaves the same keys, and no invariant is broken', async () => {
    await fc.assert(fc.asyncProperty(fc.array(aStoreAction(), { maxLength: 120, size: 'max' }), playOnBoth), {
      numRuns: 60,
      interruptAfterTimeLimit: 60_000,
    });
  }, 120_000);
});

async function expectSameKeys(embedded: Store, redis: Store): Promise<void> {
  expect(await redis.dump()).toEqual(await embedded.dump());
  expect(await redis.checkInvariants()).toEqual([]);
}
