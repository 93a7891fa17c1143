import { describe, expect } from 'vitest';
import { findLeftovers } from '../invariants/find-leftovers.ts';
import type { ClaimedJob, DeferArgs, DeferResult } from '../store.ts';
import { collectAll, lease, save, storeTest, type OpenStore, type Player } from './player.ts';

const LIMITS = { runsMax: 3, bytesMax: 20 };

function defer(play: Player, job: ClaimedJob, ...changes: DeferArgs['changes']): Promise<DeferResult> {
  return play.store.defer({ runId: job.run.runId, lease: lease(job), changes, limits: LIMITS });
}

/** Runs that are to be scheduled when the one that asks for them ends. */
export function describeDefers(open: OpenStore): void {
  const test = storeTest(open);

  describe('deferred runs', () => {
    test('[P73] are noted with the run, told by later calls, and listed with its end', async ({ play }) => {
      const job = await play.start();

      const result = await play.twice(() => defer(play, job, { hash: 'a', body: '{"a":1}' }, { hash: 'b', body: 'é' }));

      expect(result).toEqual({ kind: 'deferred', dropped: [] });
      await play.saveStep(job, 's');
      const next = await play.claimOne();
      expect(next.state).toMatchObject({
        stack: ['s'],
        defers: { a: { abortable: true }, b: { abortable: true } },
      });
      await play.store.finalize({ runId: job.run.runId, status: 'Cancelled' });
      const ended = (await play.store.readOutbox(100)).find((entry) => entry.kind === 'run-ended');
      expect(ended).toMatchObject({
        defers: [
          { hash: 'a', body: '{"a":1}' },
          { hash: 'b', body: 'é' },
        ],
      });
    });

    test('[P73] one that is called off is not listed, and is not noted again', async ({ play }) => {
      const job = await play.start();
      await defer(play, job, { hash: 'a', body: '1' }, { hash: 'b', body: '2' });

      await play.twice(() => defer(play, job, { hash: 'a' }, { hash: 'unknown' }));
      await defer(play, job, { hash: 'a', body: 'again' });

      await play.saveStep(job, 's');
      const next = await play.claimOne();
      expect(next.state?.defers).toEqual({ a: { abortable: false }, b: { abortable: true } });
      await play.store.finalize({ runId: job.run.runId, lease: lease(next), status: 'Completed', output: '1' });
      const ended = (await play.store.readOutbox(100)).find((entry) => entry.kind === 'run-ended');
      expect(ended).toMatchObject({ defers: [{ hash: 'b', body: '2' }] });
    });

    test('beyond the limits they are dropped, and the others stay', async ({ play }) => {
      const job = await play.start();

      expect(await defer(play, job, { hash: 'a', body: 'x'.repeat(15) }, { hash: 'b', body: 'é'.repeat(3) })).toEqual({
        kind: 'deferred',
        dropped: ['b'],
      });
      // What is called off leaves its room, but not its place.
      await defer(play, job, { hash: 'a' });
      const more = ['c', 'd', 'e'].map((hash) => ({ hash, body: 'x'.repeat(9) }));
      expect(await defer(play, job, ...more)).toEqual({ kind: 'deferred', dropped: ['e'] });
    });

    test('are noted by the holder of a lease only', async ({ play }) => {
      const job = await play.start();
      const other = { ...job, token: 'other' };

      expect(await play.withoutTrace(() => defer(play, other, { hash: 'a', body: '1' }))).toEqual({ kind: 'stale' });
      await play.store.finalize({ runId: job.run.runId, status: 'Cancelled' });
      expect(await defer(play, job, { hash: 'a', body: '1' })).toEqual({ kind: 'run-gone' });
    });

    test('leave nothing once their end was told', async ({ play }) => {
      const job = await play.start();
      await defer(play, job, { hash: 'a', body: '1' }, { hash: 'b', body: '2' }, { hash: 'b' });
      await play.advance(job, { saves: [save('s')] });
      const next = await play.claimOne();
      await play.store.finalize({ runId: job.run.runId, lease: lease(next), status: 'Completed', output: '1' });

      const entries = await play.store.readOutbox(100);
      await play.store.ackOutbox(entries.at(-1)!);
      await collectAll(play.store);

      expect(findLeftovers(await play.store.dump())).toEqual([]);
    });
  });
}
