import { describe, expect } from 'vitest';
import type { AdvanceArgs, Store } from '../store.ts';
import { LEASE_MS, lease, run, save, storeTest, type OpenStore } from './player.ts';

export function describeJobs(open: OpenStore): void {
  const test = storeTest(open);

  describe('claim', () => {
    test('leases a job with everything that is needed to call the application', async ({ play }) => {
      const runId = await play.create({ events: '[{"n":1}]' });

      const { jobs } = await play.claimAll();

      expect(jobs).toEqual([
        {
          jobId: `${runId}.start`,
          token: expect.any(String),
          leaseUntil: play.clock.now() + LEASE_MS,
          target: 'step',
          attempt: 0,
          attemptsMax: 4,
          generation: 1,
          infraAttempts: 0,
          stackPosition: 0,
          run: { ...(await play.store.findRun(runId)), status: 'Running', startedAt: play.clock.now() },
          state: { events: '[{"n":1}]', steps: {}, stack: [] },
        },
      ]);
    });

    test('a leased job is not claimed again', async ({ play }) => {
      await play.start();

      expect(await play.claim()).toEqual([]);
    });

    test('a repeat with the same claim ID answers the same jobs and changes nothing', async ({ play }) => {
      for (let i = 0; i < 3; i++) await play.create();
      const args = { workerId: 'w', claimId: 'c', jobsMax: 2, leaseMs: LEASE_MS };

      const { jobs } = await play.store.claim(args);
      const again = await play.withoutTrace(() => play.store.claim(args));

      expect(jobs).toHaveLength(2);
      expect(again.jobs).toEqual(jobs);
    });

    test('a repeated claim leaves out jobs that are not leased by it any more', async ({ play }) => {
      for (let i = 0; i < 3; i++) await play.create();
      const args = { workerId: 'w', claimId: 'c', jobsMax: 3, leaseMs: LEASE_MS };
      const { jobs } = await play.store.claim(args);
      await play.complete(jobs[0]!);
      await play.store.retry({ lease: lease(jobs[1]!), notBefore: play.clock.now(), reason: 'drain' });

      const again = await play.store.claim(args);

      expect(again.jobs.map((job) => job.jobId)).toEqual([jobs[2]!.jobId]);
    });

    test('startedAt and the outbox entry of the start are written once', async ({ play }) => {
      const startedAt = play.clock.now();
      const job = await play.start();
      await play.clock.advanceBy(1000);
      await play.store.retry({ lease: lease(job), notBefore: play.clock.now(), reason: 'failure' });

      const again = await play.claimOne();

      expect(again.run).toMatchObject({ status: 'Running', startedAt });
      expect(await play.outboxKinds()).toEqual(['run-scheduled', 'run-started']);
    });

    test('nextWakeAt is the end of the first lease, or now while work is left', async ({ play }) => {
      expect(await play.claimAll()).toEqual({ jobs: [] });
      await play.create();
      await play.create();

      expect((await play.claimAll(1)).nextWakeAt).toBe(play.clock.now());
      expect((await play.claimAll(1)).nextWakeAt).toBe(play.clock.now() + LEASE_MS);
    });

    test('large states end a claim early', async ({ play }) => {
      for (let i = 0; i < 4; i++) await play.create({ events: JSON.stringify([{ data: 'é'.repeat(3_000_000) }]) });

      const first = await play.claimAll(10);

      expect(first.jobs).toHaveLength(3);
      expect(first.nextWakeAt).toBe(play.clock.now());
      expect(await play.claim(10)).toHaveLength(1);
    });

    test('a job can be looked at', async ({ play }) => {
      const job = await play.start();
      await play.store.retry({ lease: lease(job), notBefore: play.clock.now() + 10, reason: 'failure' });

      const found = { jobId: job.jobId, kind: 'start', state: 'delayed', at: play.clock.now() + 10, attempt: 1 };
      expect(await play.store.findJob(job.jobId)).toMatchObject(found);
      expect(await play.store.findJob('nobody.start')).toBeUndefined();
    });

    test('jobs of a run that has ended are dropped', async ({ play }) => {
      const runId = await play.create();
      await play.store.finalize({ runId, status: 'Cancelled' });

      expect(await play.claimAll()).toEqual({ jobs: [] });
    });
  });

  describe('leases', () => {
    test('extending moves the end of the lease', async ({ play }) => {
      const job = await play.start();
      await play.clock.advanceBy(20_000);

      expect(await play.twice(() => play.store.extend(lease(job), LEASE_MS))).toBe('extended');

      await play.clock.advanceBy(29_999);
      expect(await play.claim()).toEqual([]);
      await play.clock.advanceBy(2);
      expect(await play.claim()).toHaveLength(1);
    });

    test('a lost lease is claimed again: same attempt, next generation, other token', async ({ play }) => {
      const lost = await play.start();
      await play.clock.advanceBy(LEASE_MS + 1);

      const job = await play.claimOne();

      expect(job).toMatchObject({ jobId: lost.jobId, attempt: lost.attempt, generation: 2 });
      expect(job.token).not.toBe(lost.token);
    });

    test('[E130] whoever lost the lease can change nothing any more', async ({ play }) => {
      const lost = await play.start();
      await play.clock.advanceBy(LEASE_MS + 1);
      const job = await play.claimOne();

      await play.withoutTrace(async () =>
        expectFenced(play.store, play.anAdvance(lost, { saves: [save('a')] }), 'stale'),
      );

      await play.saveStep(job, 'b');
      expect((await play.store.findRunState(job.run.runId))?.stack).toEqual(['b']);
    });

    test('on a run that has ended every operation answers run-gone', async ({ play }) => {
      const job = await play.start();
      expect(await play.store.finalize({ runId: job.run.runId, status: 'Cancelled', reason: 'api' })).toBe('finalized');

      await play.withoutTrace(async () =>
        expectFenced(play.store, play.anAdvance(job, { saves: [save('a')] }), 'run-gone'),
      );
    });

    test('all leases of a store that one process opens can be ended at once', async ({ play }) => {
      for (let i = 0; i < 5; i++) await play.create();
      const before = await play.claim();

      expect(await play.store.expireLeases()).toBe(5);
      expect(await play.store.expireLeases()).toBe(0);

      const after = await play.claim();
      expect(after.map((job) => [job.jobId, job.generation])).toEqual(before.map((job) => [job.jobId, 2]));
    });

    test('a job whose executor is lost again and again ends its run as poison', async ({ play }) => {
      const job = await play.start();
      for (let lost = 0; lost < 20; lost++) {
        await play.clock.advanceBy(LEASE_MS + 1);
        expect(await play.claim()).toHaveLength(1);
      }
      await play.clock.advanceBy(LEASE_MS + 1);

      expect(await play.claim()).toEqual([]);

      const end = await play.endOf(job.run.runId);
      expect(end).toMatchObject({ status: 'Failed', output: expect.stringContaining('PoisonJob') });
    });
  });

  describe('retry', () => {
    test('a failure spends an attempt and waits', async ({ play }) => {
      const job = await play.start();
      const notBefore = play.clock.now() + 15_000;

      const args = { lease: lease(job), notBefore, reason: 'failure' as const };
      expect(await play.twice(() => play.store.retry(args))).toBe('retried');

      expect(await play.claimAll()).toEqual({ jobs: [], nextWakeAt: notBefore });
      await play.clock.advanceTo(notBefore);
      expect(await play.claimOne()).toMatchObject({ jobId: job.jobId, attempt: 1, generation: 2, infraAttempts: 0 });
    });

    test('trouble of the platform is counted apart, draining not at all', async ({ play }) => {
      const job = await play.start();
      const notBefore = play.clock.now();

      await play.store.retry({ lease: lease(job), notBefore, reason: 'infrastructure' });
      const second = await play.claimOne();
      expect(second).toMatchObject({ attempt: 0, infraAttempts: 1, generation: 2 });
      await play.store.retry({ lease: lease(second), notBefore, reason: 'drain' });

      expect(await play.claimOne()).toMatchObject({ attempt: 0, infraAttempts: 1, generation: 3 });
    });

    test('a repeat is recognised after the job was claimed again', async ({ play }) => {
      const job = await play.start();
      const args = { lease: lease(job), notBefore: play.clock.now(), reason: 'failure' as const };
      await play.store.retry(args);
      await play.claimOne();

      expect(await play.withoutTrace(() => play.store.retry(args))).toBe('retried');
    });

    test('[E48] attempts are per step: the next step starts at attempt 0', async ({ play }) => {
      const job = await play.start();
      await play.store.retry({ lease: lease(job), notBefore: play.clock.now(), reason: 'failure' });
      const second = await play.claimOne();
      expect(second.attempt).toBe(1);

      await play.saveStep(second, 'a');

      expect(await play.claimOne()).toMatchObject({ attempt: 0, generation: 1, target: 'step', stackPosition: 1 });
    });
  });

  describe('checkpoint', () => {
    const limits = { stepsMax: 3, stateBytesMax: 100 };

    test('saves steps, extends the lease and resets the attempt, without a discovery', async ({ play }) => {
      const first = await play.start();
      await play.store.retry({ lease: lease(first), notBefore: play.clock.now(), reason: 'failure' });
      const job = await play.claimOne();
      await play.clock.advanceBy(20_000);
      const { runId } = job.run;
      const args = {
        runId,
        lease: lease(job),
        generation: 2,
        saves: [save('a'), save('b')],
        leaseMs: LEASE_MS,
        limits,
      };

      expect(await play.twice(() => play.store.checkpoint(args))).toBe('saved');

      expect(await play.store.findRunState(runId)).toMatchObject({ stack: ['a', 'b'] });
      expect(await play.store.findRunJobs(runId)).toMatchObject([{ jobId: job.jobId, state: 'leased', attempt: 0 }]);
      await play.clock.advanceBy(20_000);
      expect(await play.store.extend(lease(job), LEASE_MS)).toBe('extended');
      await play.saveStep(job, 'c');
      expect((await play.claimOne()).state?.stack).toEqual(['a', 'b', 'c']);
    });

    test('of an older dispatch is stale', async ({ play }) => {
      const first = await play.start();
      await play.store.retry({ lease: lease(first), notBefore: play.clock.now(), reason: 'failure' });
      const job = await play.claimOne();
      const args = { runId: job.run.runId, lease: lease(job), saves: [save('a')], leaseMs: LEASE_MS, limits };

      expect(await play.withoutTrace(() => play.store.checkpoint({ ...args, generation: 1 }))).toBe('stale');
    });

    test('[E34] beyond the limits of steps or state saves nothing', async ({ play }) => {
      const job = await play.start();
      const args = { runId: job.run.runId, lease: lease(job), leaseMs: LEASE_MS, limits };
      await play.store.checkpoint({ ...args, saves: [save('a', '1'), save('b', '2')] });

      const tooMany = { ...args, saves: [save('b', '2'), save('c', '3'), save('d', '4')] };
      expect(await play.withoutTrace(() => play.store.checkpoint(tooMany))).toBe('too-many-steps');
      const tooLarge = { ...args, saves: [save('c', 'é'.repeat(50))] };
      expect(await play.withoutTrace(() => play.store.checkpoint(tooLarge))).toBe('state-too-large');

      expect(await play.store.checkpoint({ ...args, saves: [save('c', 'é'.repeat(49))] })).toBe('saved');
      expect(await play.store.findRun(job.run.runId)).toMatchObject({ stepCount: 3, stateBytes: 100 });
    });
  });

  describe('finalize', () => {
    test('ends a run exactly once, and its end is in the outbox', async ({ play }) => {
      const job = await play.start({ events: '[7]', publishesEnd: false, correlationId: 'parent.h' });
      await play.drainOutbox();
      const { runId } = job.run;
      const args = { runId, lease: lease(job), status: 'Completed' as const, output: '{"x":1}' };

      expect(await play.store.finalize(args)).toBe('finalized');
      expect(await play.withoutTrace(() => play.store.finalize(args))).toBe('gone');
      expect(await play.withoutTrace(() => play.store.finalize({ runId, status: 'Cancelled' }))).toBe('gone');

      expect(await play.store.findRun(runId)).toBeUndefined();
      expect(await play.store.readOutbox(10)).toEqual([
        {
          seq: expect.any(Number),
          at: play.clock.now(),
          kind: 'run-ended',
          run: job.run,
          status: 'Completed',
          output: '{"x":1}',
          events: '[7]',
          publishesEnd: false,
        },
      ]);
    });

    test('under a lost lease changes nothing', async ({ play }) => {
      const job = await play.start();
      const args = { runId: job.run.runId, lease: { ...lease(job), token: 'other' }, status: 'Failed' as const };

      expect(await play.withoutTrace(() => play.store.finalize(args))).toBe('stale');
    });

    test('of an unknown run answers gone', async ({ play }) => {
      expect(await play.store.finalize({ runId: 'nobody', status: 'Cancelled' })).toBe('gone');
    });

    test('takes back what other calls of the run hold', async ({ play }) => {
      await play.setFunction({ concurrency: 3 });
      const job = await play.start();
      await play.plan(job, [run('a'), run('b'), run('c')]);
      expect(await play.claim()).toHaveLength(3);
      const waiting = await play.create();

      await play.store.finalize({ runId: job.run.runId, status: 'Cancelled' });

      expect(await play.claimRunIds()).toEqual([waiting]);
    });
  });
}

/** Every operation that a lease permits answers `outcome` and, as the caller shows, leaves no trace. */
async function expectFenced(store: Store, advance: AdvanceArgs, outcome: 'stale' | 'run-gone'): Promise<void> {
  const { runId, lease: held, saves, limits } = advance;
  expect(await store.advance(advance)).toEqual({ kind: outcome });
  expect(await store.extend(held, LEASE_MS)).toBe(outcome);
  expect(await store.retry({ lease: held, notBefore: 0, reason: 'failure' })).toBe(outcome);
  expect(await store.checkpoint({ runId, lease: held, saves, leaseMs: LEASE_MS, limits })).toBe(outcome);
  const end = outcome === 'stale' ? 'stale' : 'gone';
  expect(await store.finalize({ runId, lease: held, status: 'Failed' })).toBe(end);
}
