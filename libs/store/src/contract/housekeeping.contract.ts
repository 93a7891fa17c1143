import { describe, expect } from 'vitest';
import { findLeftovers } from '../invariants/find-leftovers.ts';
import { collectAll, DAY_MS, LEASE_MS, run, save, sleep, storeTest, wait, type OpenStore } from './player.ts';

export function describeHousekeeping(open: OpenStore): void {
  const test = storeTest(open);

  describe('timeouts of runs', () => {
    test('[E126] a run that has not started in time is cancelled without a call', async ({ play }) => {
      await play.setFunction({ concurrency: 1, startTimeoutMs: 2000 });
      await play.start({ startTimeoutMs: 2000 });
      const waiting = await play.create({ startTimeoutMs: 2000 });
      await play.clock.advanceBy(1999);
      await play.claim();
      expect(await play.store.findRun(waiting)).toBeDefined();
      await play.clock.advanceBy(1);
      await play.claim();

      expect(await play.endOf(waiting)).toMatchObject({ status: 'Cancelled', reason: 'start-timeout' });
    });

    test('a run that starts in time is not cancelled later', async ({ play }) => {
      await play.setFunction({ startTimeoutMs: 2000 });
      const job = await play.start({ startTimeoutMs: 2000 });
      await play.clock.advanceBy(10_000);
      await play.claim();

      expect(await play.store.findRun(job.run.runId)).toBeDefined();
    });

    test('[E125] a run that has not ended in time after its start is cancelled', async ({ play }) => {
      await play.setFunction({ finishTimeoutMs: 3000 });
      const job = await play.start();
      await play.plan(job, [sleep('s', play.clock.now() + 10_000)]);
      expect((await play.claimAll()).nextWakeAt).toBe(play.clock.now() + 3000);
      await play.clock.advanceBy(3000);
      expect(await play.claim()).toEqual([]);

      expect(await play.endOf(job.run.runId)).toMatchObject({ status: 'Cancelled', reason: 'finish-timeout' });
    });

    test('a timeout that was removed or extended since is respected', async ({ play }) => {
      await play.setFunction({ startTimeoutMs: 2000, finishTimeoutMs: 3000 });
      const started = await play.start({ functionId: 'fn-1' });
      await play.setFunction({ version: 2, finishTimeoutMs: 5000 });
      await play.setFunction({ functionId: 'fn-2', concurrency: 1 });
      await play.start({ functionId: 'fn-2' });
      const waiting = await play.create({ functionId: 'fn-2', startTimeoutMs: 1000 });
      await play.clock.advanceBy(4999);
      await play.claim();
      expect(await play.store.findRun(started.run.runId)).toBeDefined();
      expect(await play.store.findRun(waiting)).toBeDefined();

      await play.clock.advanceBy(1);
      await play.claim();

      expect(await play.store.findRun(started.run.runId)).toBeUndefined();
    });
  });

  describe('outbox', () => {
    test('keeps the order of what happened, and reading changes nothing', async ({ play }) => {
      const first = await play.startAndComplete();
      const second = await play.create();

      const entries = await play.withoutTrace(() => play.store.readOutbox(100));

      expect(
        entries.map((entry) => [entry.kind, 'run' in entry ? entry.run.runId : 'runId' in entry && entry.runId]),
      ).toEqual([
        ['run-scheduled', first],
        ['run-started', first],
        ['run-ended', first],
        ['run-scheduled', second],
      ]);
      expect(await play.store.readOutbox(2)).toEqual(entries.slice(0, 2));
    });

    test('the entry of the schedule shows the run as it was then', async ({ play }) => {
      const runId = await play.create();
      const [before] = await play.store.readOutbox(1);
      const job = await play.claimOne();
      await play.saveStep(job, 'a', { plans: [run('b')] });
      expect(await play.store.readOutbox(1)).toEqual([before]);
      await play.store.finalize({ runId, status: 'Failed', output: '{}' });

      expect(await play.store.readOutbox(1)).toEqual([before]);
    });

    test('large entries are read in several pieces', async ({ play }) => {
      const events = JSON.stringify([{ data: 'é'.repeat(3_000_000) }]);
      for (let i = 0; i < 4; i++) await play.create({ events });
      const read: string[] = [];
      let pieces = 0;

      for (let entries = await play.store.readOutbox(100); entries.length > 0; pieces++) {
        read.push(...entries.map((entry) => (entry.kind === 'run-scheduled' ? entry.run.runId : entry.kind)));
        await play.store.ackOutbox(entries.at(-1)!);
        entries = await play.store.readOutbox(100);
      }

      expect(pieces).toBe(2);
      expect(new Set(read).size).toBe(4);
    });

    test('acknowledged entries are gone, later ones stay; a repeat changes nothing', async ({ play }) => {
      await play.startAndComplete();
      await play.create();
      const entries = await play.store.readOutbox(100);

      await play.twice(() => play.store.ackOutbox(entries[2]!));

      expect(await play.store.readOutbox(100)).toEqual(entries.slice(3));
      expect(await play.store.counts()).toMatchObject({ outbox: 1 });
    });

    test('an entry that has the number of one that a failover lost is not dropped with it', async ({ play }) => {
      await play.create();
      const [entry] = await play.store.readOutbox(100);
      const { seq, at } = entry!;

      await play.store.ackOutbox({ seq, at: at - 1 });
      await play.store.ackOutbox({ seq: seq + 1, at });

      expect(await play.store.readOutbox(100)).toEqual([entry]);
    });

    test('more entries than one read answers are all acknowledged', async ({ play }) => {
      for (let i = 0; i < 1100; i++) await play.create();
      const entries = await play.store.readOutbox(5000);
      expect(entries).toHaveLength(1000);

      await play.store.ackOutbox(entries.at(-1)!);

      expect(await play.drainOutbox()).toHaveLength(100);
      expect(await play.store.counts()).toMatchObject({ outbox: 0 });
      await play.create();
      expect(await play.outboxKinds()).toEqual(['run-scheduled']);
    });
  });

  describe('garbage', () => {
    test('ended runs leave nothing behind once all has expired', async ({ play }) => {
      const keys = { throttle: 't', keyed: ['k1', 'k2'], run: 'r' };
      await play.setFunction({ keyed: [5, 5], run: 5, throttle: { limit: 100, burst: 0, periodMs: 1000 } });
      const overrides = {
        keys,
        idempotencyKey: 'i',
        rateLimit: { bucket: 'b', limit: 10, periodMs: 60_000 },
        singleton: { key: 's', mode: 'skip' as const },
        startTimeoutMs: 1000,
        cancelOn: [{ pauseId: 'c', kind: 'cancel' as const, event: 'a/cancel', expiresAt: play.clock.now() + 5000 }],
      };
      const job = await play.start(overrides);
      expect((await play.schedule({ ...overrides, idempotencyKey: 'other' })).kind).toBe('skipped');
      await play.plan(job, [
        run('a'),
        sleep('z', play.clock.now() + 1000),
        wait('w', { expiresAt: play.clock.now() + 99 }),
      ]);
      await play.saveStep(await play.claimOne(), 'a');
      await play.store.finalize({ runId: job.run.runId, status: 'Cancelled' });
      await play.drainOutbox();
      await collectAll(play.store);
      expect(findLeftovers(await play.store.dump())).toEqual([]);

      await play.clock.advanceBy(DAY_MS);
      await collectAll(play.store);

      const left = Object.keys(await play.store.dump()).toSorted();
      expect(left).toEqual(['acct|account-1', 'fns', 'fn|fn-1', 'sys']);
    });

    test('tombstones, buckets and idle lanes stay as long as they are of use', async ({ play }) => {
      await play.setFunction({ throttle: { limit: 1, burst: 0, periodMs: 3_600_000 } });
      await play.startAndComplete({ dedupKey: 'event-1', keys: { throttle: 't' } });
      await play.clock.advanceBy(3_599_999);
      await collectAll(play.store);

      expect((await play.schedule({ dedupKey: 'event-1' })).kind).toBe('duplicate');
      await play.create({ keys: { throttle: 't' } });
      expect(await play.claim()).toEqual([]);
    });

    test('what a big run leaves is removed in bounded pieces and harms nobody meanwhile', async ({ play }) => {
      const job = await play.start();
      const plans = Array.from({ length: 300 }, (_, i) =>
        i % 3 === 0
          ? run(`h${i}`)
          : i % 3 === 1
            ? sleep(`h${i}`, play.clock.now() + 1000)
            : wait(`h${i}`, { expiresAt: play.clock.now() + 1000 }),
      );
      await play.plan(job, plans);
      const leased = await play.claim(10);
      await play.store.finalize({ runId: job.run.runId, status: 'Cancelled' });
      expect(await play.store.checkInvariants()).toEqual([]);
      expect((await play.advance(leased[0]!, { saves: [save('h0')] })).kind).toBe('run-gone');
      await play.clock.advanceBy(1000);
      expect(await play.claimAll()).toMatchObject({ jobs: [] });
      const found = await play.store.findPauses({ envId: 'env-1', event: 'a/resume', anchors: [], pausesMax: 1000 });
      expect(found.pauses).toEqual([]);

      expect(await play.store.collectGarbage(50)).toBeLessThanOrEqual(51);
      expect(await play.store.checkInvariants()).toEqual([]);
      await collectAll(play.store);

      expect(await play.store.counts()).toMatchObject({ runs: 0, delayed: 0, ready: 0, leased: 0, pauses: 0 });
      expect(
        Object.keys(await play.store.dump())
          .filter((key) => key.startsWith('run|'))
          .toSorted(),
      ).toEqual([`run|${job.run.runId}|end`, `run|${job.run.runId}|ev`]);
    });

    test('an expired cancel pause is dropped while its run goes on', async ({ play }) => {
      const cancelOn = [{ pauseId: 'c', kind: 'cancel' as const, event: 'a/c', expiresAt: play.clock.now() + 10 }];
      const job = await play.start({ cancelOn });
      await play.clock.advanceBy(11);
      await collectAll(play.store);

      expect(await play.store.counts()).toMatchObject({ pauses: 0 });
      await play.complete(job);
    });

    test('a lane that is used again keeps its record', async ({ play }) => {
      await play.startAndComplete();
      await play.clock.advanceBy(600_000);
      await play.create();
      await collectAll(play.store);
      await play.complete(await play.claimOne());
      await collectAll(play.store);
      await play.clock.advanceBy(600_000);
      await collectAll(play.store);

      expect(Object.keys(await play.store.dump()).filter((key) => key.startsWith('li|'))).toEqual([]);
    });
  });

  describe('counts', () => {
    test('show what is where', async ({ play }) => {
      await play.setFunction({ keyed: [1] });
      const keys = { keyed: ['k'] };
      await play.start({ keys });
      await play.create({ keys });
      await play.create({ notBefore: play.clock.now() + LEASE_MS });
      await play.claim();

      expect(await play.store.counts()).toEqual({
        runs: 3,
        delayed: 1,
        ready: 1,
        leased: 1,
        parkedLanes: 1,
        buffers: 0,
        pauses: 0,
        outbox: 4,
      });
    });
  });

  describe('queue depths', () => {
    test('tell the ready jobs of each function and since when the next of them is ready', async ({ play }) => {
      const { store, clock } = play;
      const oldestReadyAt = clock.now();
      await play.create();
      await clock.advanceBy(10);
      await play.create({ keys: { keyed: ['k'] } });
      await play.create({ functionId: 'fn-2', notBefore: clock.now() + LEASE_MS });
      const other = clock.now();
      await play.create({ functionId: 'fn-3' });

      const page = await play.withoutTrace(() => store.queueDepths({ after: 0, lanesMax: 1000 }));

      expect(page).toMatchObject({
        functions: [
          { functionId: 'fn-1', jobs: 2, oldestReadyAt },
          { functionId: 'fn-3', jobs: 1, oldestReadyAt: other },
        ],
        isLast: true,
      });
    });

    test('count what a limit holds back, and nothing that is leased', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      for (let i = 0; i < 3; i++) await play.create();
      await play.claimOne();

      expect((await play.store.queueDepths({ after: 0, lanesMax: 10 })).functions).toMatchObject([{ jobs: 2 }]);
    });

    test('a job of a run that slept for long is ready since it woke', async ({ play }) => {
      const wakeAt = play.clock.now() + DAY_MS;
      await play.plan(await play.start(), [sleep('s', wakeAt)]);
      await play.clock.advanceBy(DAY_MS);
      await play.claim(0);

      const { functions } = await play.store.queueDepths({ after: 0, lanesMax: 10 });
      expect(functions).toEqual([{ functionId: 'fn-1', jobs: 1, oldestReadyAt: wakeAt }]);
    });

    test('are read a page at a time', async ({ play }) => {
      for (let i = 0; i < 5; i++) await play.create({ functionId: `fn-${i}` });
      const seen: string[] = [];

      let page = await play.store.queueDepths({ after: 0, lanesMax: 2 });
      for (; !page.isLast; page = await play.store.queueDepths({ after: page.after, lanesMax: 2 })) {
        expect(page.functions).toHaveLength(2);
        seen.push(...page.functions.map(({ functionId }) => functionId));
      }
      seen.push(...page.functions.map(({ functionId }) => functionId));

      expect(seen).toEqual(['fn-0', 'fn-1', 'fn-2', 'fn-3', 'fn-4']);
    });
  });

  describe('duties', () => {
    const duty = 'upkeep' as const;

    test('whoever has a duty keeps it, and others do not get it', async ({ play }) => {
      expect(await play.store.takeDuty({ duty, holder: 'a', leaseMs: 1000 })).toBe(true);
      await play.clock.advanceBy(999);

      expect(await play.store.takeDuty({ duty, holder: 'b', leaseMs: 1000 })).toBe(false);
      expect(await play.store.takeDuty({ duty, holder: 'a', leaseMs: 1000 })).toBe(true);
      await play.clock.advanceBy(999);
      expect(await play.store.takeDuty({ duty, holder: 'b', leaseMs: 1000 })).toBe(false);
    });

    test('another gets it when the lease has run out, and who had it then does not', async ({ play }) => {
      await play.store.takeDuty({ duty, holder: 'a', leaseMs: 1000 });
      await play.clock.advanceBy(1000);

      expect(await play.store.takeDuty({ duty, holder: 'b', leaseMs: 1000 })).toBe(true);
      expect(await play.store.takeDuty({ duty, holder: 'a', leaseMs: 1000 })).toBe(false);
    });

    test('a dropped duty goes to the next; dropping what another has changes nothing', async ({ play }) => {
      await play.store.takeDuty({ duty, holder: 'a', leaseMs: 1000 });

      await play.withoutTrace(() => play.store.dropDuty({ duty, holder: 'b' }));
      expect(await play.store.takeDuty({ duty, holder: 'b', leaseMs: 1000 })).toBe(false);
      await play.twice(() => play.store.dropDuty({ duty, holder: 'a' }));
      expect(await play.store.takeDuty({ duty, holder: 'b', leaseMs: 1000 })).toBe(true);
    });

    test('duties are told apart', async ({ play }) => {
      await play.store.takeDuty({ duty, holder: 'a', leaseMs: 1000 });

      expect(await play.store.takeDuty({ duty: 'cron', holder: 'b', leaseMs: 1000 })).toBe(true);
    });
  });

  describe('cron cursors', () => {
    test('a new one starts where it is told, and moves on but never back', async ({ play }) => {
      const { store } = play;
      const name = 'a function * * * * *';

      expect(await store.moveCronCursor({ name, from: 1000 })).toBe(1000);
      expect(await store.moveCronCursor({ name, from: 2000 })).toBe(1000);
      expect(await play.twice(() => store.moveCronCursor({ name, from: 2000, to: 3000 }))).toBe(3000);
      expect(await store.moveCronCursor({ name, from: 9000, to: 2500 })).toBe(3000);
      expect(await store.moveCronCursor({ name: 'another', from: 9000 })).toBe(9000);
    });
  });

  describe('the epoch', () => {
    test('is the same as long as the store is open', async ({ play }) => {
      const epoch = await play.store.epoch();
      await play.create();

      expect(await play.store.epoch()).toBe(epoch);
      expect(epoch).not.toBe('');
    });
  });

  describe('durability', () => {
    test('durable resolves', async ({ play }) => {
      await play.create();

      await expect(play.store.durable()).resolves.toBeUndefined();
    });
  });
}
