import { describe, expect } from 'vitest';
import { findLeftovers } from '../invariants/find-leftovers.ts';
import { collectAll, LEASE_MS, save, storeTest, type OpenStore } from './player.ts';

/** Runs that are listed, run again, or under way with whoever scheduled them. */
export function describeRuns(open: OpenStore): void {
  const test = storeTest(open);

  describe('live runs of a function', () => {
    test('are listed a page at a time in the order of their creation, and those that come later after the last page', async ({
      play,
    }) => {
      const first = await play.create({ events: '[{"name":"first"}]' });
      await play.create({ functionId: 'fn-2' });
      const second = await play.create();
      const list = (after: number, withEvents = false) =>
        play.store.listRuns({ functionId: 'fn-1', after, runsMax: 2, withEvents });

      const page = await play.withoutTrace(() => list(0, true));
      const scheduledAt = play.clock.now();
      expect(page).toMatchObject({
        runs: [{ runId: first, scheduledAt, events: '[{"name":"first"}]' }],
        isLast: false,
      });
      const last = await list(page.after);
      expect(last).toMatchObject({ runs: [{ runId: second, events: '' }], isLast: true });

      const later = await play.create();
      expect(await list(last.after)).toMatchObject({ runs: [{ runId: later }], isLast: true });
    });

    test('do not include runs that have ended', async ({ play }) => {
      await play.startAndComplete();

      const page = await play.store.listRuns({ functionId: 'fn-1', after: 0, runsMax: 10, withEvents: false });

      expect(page).toEqual({ runs: [], after: 0, isLast: true });
    });
  });

  describe('a run that begins with steps', () => {
    const steps = [
      { hash: 'b', memo: '{"data":2}' },
      { hash: 'a', memo: '{"data":1}' },
    ];

    test('is called with them, in their order', async ({ play }) => {
      const job = await play.start({ steps });

      expect(job).toMatchObject({ stackPosition: 2, run: { stepCount: 2 } });
      expect(job.state).toMatchObject({ steps: { a: '{"data":1}', b: '{"data":2}' }, stack: ['b', 'a'] });
    });

    test('goes on from there, and a repeat of its creation changes nothing', async ({ play }) => {
      const args = play.aRun({ steps });
      await play.store.schedule(args);
      expect(await play.withoutTrace(() => play.store.schedule(args))).toMatchObject({ kind: 'created' });

      const next = await play.advance(await play.claimOne(), { saves: [save('b', '{"data":"other"}'), save('c')] });

      expect(next).toMatchObject({ kind: 'advanced' });
      expect((await play.claimOne()).state?.steps).toMatchObject({ b: '{"data":2}', c: save('c').memo });
    });
  });

  describe('a run that is under way with whoever schedules it', () => {
    const lease = { token: 'token-of-sdk', leaseMs: LEASE_MS };

    test('has started, and nobody else is given its job', async ({ play }) => {
      const runId = await play.create({ lease });

      expect(await play.claim()).toEqual([]);
      expect(await play.store.findRun(runId)).toMatchObject({ status: 'Running', startedAt: play.clock.now() });
      expect(await play.outboxKinds()).toEqual(['run-scheduled', 'run-started']);
    });

    test('is ended by its holder, and leaves nothing', async ({ play }) => {
      const runId = await play.create({ lease });
      const held = { jobId: `${runId}.start`, token: lease.token };
      await play.store.checkpoint({
        runId,
        lease: held,
        saves: [save('a')],
        leaseMs: LEASE_MS,
        limits: { stepsMax: 10, stateBytesMax: 1000 },
      });

      expect(await play.store.finalize({ runId, lease: held, status: 'Completed', output: '1' })).toBe('finalized');

      expect(await play.endOf(runId)).toMatchObject({ status: 'Completed', memos: [{ hash: 'a' }] });
    });

    test('is left to its holder by a process that starts, when its lease is longer than any of a process', async ({
      play,
    }) => {
      const held = await play.create({ lease: { ...lease, leaseMs: 600_000 } });
      await play.create({ lease });

      expect(await play.store.expireLeases()).toBe(1);

      expect((await play.store.findRunJobs(held)).map(({ state }) => state)).toEqual(['leased']);
    });

    test('is claimed when its holder is gone', async ({ play }) => {
      const runId = await play.create({ lease });
      await play.clock.advanceBy(LEASE_MS);

      expect(await play.claimOne()).toMatchObject({ target: 'step', generation: 2, run: { runId } });
    });
  });

  describe('the memos of a run that has ended', () => {
    test('are told with its end in the order of the steps, and are gone with the entry', async ({ play }) => {
      const job = await play.start();
      await play.advance(job, { saves: [save('b', '{"data":2}'), save('a', '{"data":1}')] });
      const next = await play.claimOne();
      await play.store.finalize({
        runId: next.run.runId,
        lease: { jobId: next.jobId, token: next.token },
        status: 'Completed',
      });
      // Garbage may be collected before the outbox is read.
      await collectAll(play.store);

      const entries = await play.store.readOutbox(100);

      const ended = entries.find((entry) => entry.kind === 'run-ended');
      expect(ended).toMatchObject({
        memos: [
          { hash: 'b', memo: '{"data":2}' },
          { hash: 'a', memo: '{"data":1}' },
        ],
      });
      await play.store.ackOutbox(entries.at(-1)!);
      await collectAll(play.store);
      expect(findLeftovers(await play.store.dump())).toEqual([]);
    });

    test('of many steps go bit by bit', async ({ play }) => {
      const job = await play.start();
      const hashes = Array.from({ length: 200 }, (_, i) => `s${i}`);
      await play.advance(job, { saves: hashes.map((hash) => save(hash)) });
      await play.store.finalize({ runId: job.run.runId, status: 'Cancelled' });
      await collectAll(play.store);

      const entries = await play.store.readOutbox(100);

      const ended = entries.find((entry) => entry.kind === 'run-ended');
      expect(ended?.kind === 'run-ended' && ended.memos?.map(({ hash }) => hash)).toEqual(hashes);
      await play.store.ackOutbox(entries.at(-1)!);
      await collectAll(play.store);
      expect(findLeftovers(await play.store.dump())).toEqual([]);
    });
  });
}
