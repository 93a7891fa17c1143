import { describe, expect } from 'vitest';
import type { ClaimedJob } from '../store.ts';
import { LEASE_MS, lease, run, save, signal, sleep, storeTest, wait, type OpenStore, type Player } from './player.ts';

/** Targets of the jobs that are ready or leased now. */
async function callsOf(play: Player, runId: string): Promise<string[]> {
  const jobs = await play.store.findRunJobs(runId);
  return jobs
    .filter((job) => job.state !== 'delayed')
    .map((job) => job.target)
    .toSorted();
}

/** Claims everything and answers it by target; discoveries under `step`. */
async function claimByTarget(play: Player): Promise<Record<string, ClaimedJob>> {
  return Object.fromEntries((await play.claim()).map((job) => [job.target, job]));
}

export function describeDiscovery(open: OpenStore): void {
  const test = storeTest(open);

  describe('one step after the other', () => {
    test('a saved step leads to a discovery that carries it', async ({ play }) => {
      const job = await play.start();

      const result = await play.saveStep(job, 'a');

      expect(result).toEqual({ kind: 'advanced', hasReady: true });
      expect(await play.claimOne()).toMatchObject({
        target: 'step',
        stackPosition: 1,
        run: { requestVersion: 2, forcePlan: false, stepCount: 1, stateBytes: 12 },
        state: { steps: { a: '{"data":"a"}' }, stack: ['a'] },
      });
    });

    test('a repeat of an answer changes nothing and answers as before', async ({ play }) => {
      const job = await play.start();

      await play.twice(() => play.advance(job, { saves: [save('a')], plans: [run('b')] }));
    });

    test('an answer under another token than the one that committed is stale', async ({ play }) => {
      const job = await play.start();
      await play.saveStep(job, 'a');

      const other = { ...play.anAdvance(job), lease: { jobId: job.jobId, token: 'other' } };
      expect(await play.withoutTrace(() => play.store.advance(other))).toEqual({ kind: 'stale' });
    });

    test('the first writer of a step wins', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a'), run('b')]);
      const { a, b } = await claimByTarget(play);
      await play.saveStep(b!, 'a', { saves: [save('a', '"first"')] });

      await play.saveStep(a!, 'a', { saves: [save('a', '"second"')] });

      expect(await play.store.findRunState(job.run.runId)).toMatchObject({ steps: { a: '"first"' }, stack: ['a'] });
    });

    test('the request version is pinned by the first answer that has one', async ({ play }) => {
      const job = await play.start();
      const first = play.anAdvance(job, { saves: [save('a')] });
      delete first.requestVersion;
      await play.store.advance(first);
      const second = await play.claimOne();
      expect(second.run.requestVersion).toBe(-1);

      await play.saveStep(second, 'b', { requestVersion: 1 });
      const third = await play.claimOne();
      await play.saveStep(third, 'c', { requestVersion: 2 });

      expect((await play.claimOne()).run.requestVersion).toBe(1);
    });

    test('an empty answer that asks for discovery gets one', async ({ play }) => {
      const job = await play.start();

      await play.advance(job, { discover: true });

      expect(await play.claimOne()).toMatchObject({ target: 'step', state: { stack: [] } });
    });

    test('[E33] the 1000th step is saved, the 1001st refused, and a refusal leaves no trace', async ({ play }) => {
      const job = await play.start();
      const limits = { stepsMax: 1000, stateBytesMax: 1024 * 1024 };
      const hashes = Array.from({ length: 998 }, (_, i) => `s${i}`);
      const args = { runId: job.run.runId, lease: lease(job), leaseMs: LEASE_MS, limits };
      await play.store.checkpoint({ ...args, saves: hashes.map((hash) => save(hash, '1')) });
      await play.plan(job, [run('a'), run('b')]);
      const { a } = await claimByTarget(play);

      const refused = await play.withoutTrace(() => play.advance(a!, { saves: [save('a'), save('one-more')] }));
      expect(refused).toEqual({ kind: 'too-many-steps' });

      await play.saveStep(a!, 'a');
      expect(await play.store.findRun(job.run.runId)).toMatchObject({ stepCount: 1000 });
    });

    test('state beyond its limit is refused and leaves no trace', async ({ play }) => {
      const job = await play.start();
      const limits = { stepsMax: 10, stateBytesMax: 20 };

      const refused = await play.withoutTrace(() => play.advance(job, { saves: [save('a', 'é'.repeat(11))], limits }));

      expect(refused).toEqual({ kind: 'state-too-large' });
    });
  });

  describe('in parallel, request version 2', () => {
    test('[E27] one discovery follows when the last of the group has ended', async ({ play }) => {
      const job = await play.start();
      const { runId } = job.run;
      const now = play.clock.now();
      await play.plan(job, [run('a'), run('b'), sleep('s', now + 1000), wait('w', { expiresAt: now + 1000 })]);
      const { a, b } = await claimByTarget(play);
      expect(a?.run.forcePlan).toBe(true);

      await play.saveStep(b!, 'b');
      await play.saveStep(a!, 'a');
      expect(await callsOf(play, runId)).toEqual([]);
      await play.clock.advanceBy(1000);

      const discovery = await play.claimOne();
      expect(discovery).toMatchObject({ target: 'step', stackPosition: 4, run: { forcePlan: false } });
      expect(discovery.state?.stack.slice(0, 2)).toEqual(['b', 'a']);
      expect(discovery.state?.steps).toMatchObject({ s: 'null', w: 'null' });
    });

    test('[E28] the SDK must plan while the group is pending, and not once it is empty', async ({ play }) => {
      const job = await play.start();
      expect(job.run.forcePlan).toBe(false);

      await play.plan(job, [run('a'), run('b')]);
      const { a, b } = await claimByTarget(play);
      expect([a?.run.forcePlan, b?.run.forcePlan]).toEqual([true, true]);
      await play.saveStep(a!, 'a');
      await play.saveStep(b!, 'b');
      await play.plan(await play.claimOne(), [run('c')]);
      await play.saveStep(await play.claimOne(), 'c');

      expect((await play.claimOne()).run.forcePlan).toBe(false);
    });

    test('[E29] a 20-way fan-out makes 20 targeted calls and one discovery', async ({ play }) => {
      const job = await play.start();
      const hashes = Array.from({ length: 20 }, (_, i) => `p${i}`);
      await play.plan(
        job,
        hashes.map((hash) => run(hash)),
      );

      const targeted = await play.claim();
      expect(targeted.map((one) => one.target).toSorted()).toEqual(hashes.toSorted());
      for (const one of targeted) await play.saveStep(one, one.target);

      expect(await callsOf(play, job.run.runId)).toEqual(['step']);
    });

    test('what the caller does itself belongs to the group: the others start, and its job stays with it', async ({
      play,
    }) => {
      const job = await play.start();
      const waiting = wait('w', { expiresAt: play.clock.now() + 60_000 });
      const plans = [run('a'), waiting];
      const ahead = { plans, isParallel: true, underway: ['g', 'h'] };

      await play.twice(() => play.advance(job, ahead));
      expect(await callsOf(play, job.run.runId)).toEqual(['a', 'step']);
      await play.saveStep(await play.claimOne(), 'a');
      await play.store.consumePause({ pauseId: 'pause-w', memo: '1' });
      expect(await callsOf(play, job.run.runId)).toEqual(['step']);
      expect(await play.store.extend(lease(job), LEASE_MS)).toBe('extended');

      await play.advance(job, { plans, isParallel: true, saves: [save('g'), save('h')] });

      const discovery = await play.claimOne();
      expect(discovery).toMatchObject({ target: 'step', run: { forcePlan: false, stepCount: 4 } });
      expect(discovery.state?.stack.toSorted()).toEqual(['a', 'g', 'h', 'w']);
    });

    test('what the caller does itself and gives back holds the group until it is done', async ({ play }) => {
      const job = await play.start();
      await play.advance(job, { plans: [run('a')], isParallel: true, underway: ['g'] });
      const { a } = await claimByTarget(play);

      await play.store.retry({ lease: lease(job), notBefore: play.clock.now() + 1_000, reason: 'failure' });
      await play.saveStep(a!, 'a');
      expect(await callsOf(play, job.run.runId)).toEqual([]);
      await play.clock.advanceBy(1_000);

      const again = await play.claimOne();
      expect(again).toMatchObject({ jobId: job.jobId, attempt: 1, state: { stack: ['a'] } });
      await play.saveStep(again, 'g');
      expect(await play.claimOne()).toMatchObject({ target: 'step', state: { stack: ['a', 'g'] } });
    });

    test('planning again what is queued, running, sleeping, waiting or saved changes nothing', async ({ play }) => {
      const job = await play.start();
      const now = play.clock.now();
      const plans = [run('a'), run('b'), run('c'), sleep('s', now + 1000), wait('w', { expiresAt: now + 1000 })];
      await play.plan(job, plans, { discover: true });
      const { a, step } = await claimByTarget(play);
      await play.saveStep(a!, 'a');
      const before = await play.store.findRun(job.run.runId);
      const jobs = (await play.store.findRunJobs(job.run.runId)).filter((one) => one.jobId !== step?.jobId);

      await play.plan(step!, plans);

      expect(await play.store.findRun(job.run.runId)).toEqual({ ...before, forcePlan: true });
      expect(await play.store.findRunJobs(job.run.runId)).toEqual(jobs);
    });

    test('[P59] the same step planned twice in one answer is planned once, whatever it is the second time', async ({
      play,
    }) => {
      const job = await play.start();
      const later = play.clock.now() + 1000;

      await play.plan(job, [run('a'), run('a'), sleep('a', later), run('b')]);

      const targeted = await play.claim();
      expect(targeted.map((one) => one.target).toSorted()).toEqual(['a', 'b']);
      for (const one of targeted) await play.saveStep(one, one.target);
      expect(await callsOf(play, job.run.runId)).toEqual(['step']);
    });

    test('a group whose members are saved already is not waited for', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a'), run('b')], { discover: true });
      const { a, b, step } = await claimByTarget(play);
      await play.saveStep(a!, 'a');

      await play.plan(step!, [run('a'), run('b')]);
      await play.saveStep(b!, 'b');

      expect(await callsOf(play, job.run.runId)).toEqual(['step']);
    });

    test('a step saved by the same answer as planned ones belongs to the group', async ({ play }) => {
      const job = await play.start();

      await play.advance(job, { saves: [save('a')], plans: [run('b'), run('c')] });

      const { b, c, ...others } = await claimByTarget(play);
      expect(Object.keys(others)).toEqual([]);
      await play.saveStep(b!, 'b');
      await play.saveStep(c!, 'c');
      expect(await callsOf(play, job.run.runId)).toEqual(['step']);
    });

    test('several ops without a planned step open no group', async ({ play }) => {
      const job = await play.start();

      await play.advance(job, { saves: [save('a')], plans: [sleep('s', play.clock.now() + 1000)] });

      expect(await callsOf(play, job.run.runId)).toEqual(['step']);
    });

    test('[E30] race: a discovery follows every member', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('fast', true), run('slow', true)]);
      const { fast, slow } = await claimByTarget(play);

      await play.saveStep(fast!, 'fast');
      const discovery = await play.claimOne();
      expect(discovery.run.forcePlan).toBe(true);
      await play.plan(discovery, [run('next')]);
      await play.saveStep(await play.claimOne(), 'next');
      expect(await callsOf(play, job.run.runId)).toEqual(['slow', 'step']);
      await play.complete(await play.claimOne());

      expect((await play.advance(slow!, { saves: [save('slow')] })).kind).toBe('run-gone');
    });

    test('[E30] race: what comes after it does not wait for its losers', async ({ play }) => {
      const loser = sleep('slow', play.clock.now() + 600_000, true);
      const job = await play.start();
      await play.plan(job, [run('fast', true), loser, run('beside')]);
      const { fast, beside } = await claimByTarget(play);
      await play.saveStep(fast!, 'fast');
      // SDKs name again what they wait for.
      await play.plan(await play.claimOne(), [loser, run('beside'), run('next')]);
      const { next } = await claimByTarget(play);

      await play.saveStep(beside!, 'beside');
      expect(await callsOf(play, job.run.runId)).toEqual(['next']);
      await play.saveStep(next!, 'next');

      const discovery = await play.claimOne();
      expect(discovery).toMatchObject({ target: 'step', run: { forcePlan: true } });
      await play.complete(discovery);
    });

    test('at most one discovery is queued, and none runs beside another', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a', true), run('b', true), run('c', true)]);
      const { a, b, c } = await claimByTarget(play);
      await play.saveStep(a!, 'a');
      await play.saveStep(b!, 'b');
      const discovery = await play.claimOne();
      expect(discovery.state?.stack).toEqual(['a', 'b']);

      await play.saveStep(c!, 'c');
      expect(await play.claim()).toEqual([]);
      await play.advance(discovery);

      expect((await play.claimOne()).state?.stack).toEqual(['a', 'b', 'c']);
    });

    test('a discovery that is retried stands for what would have followed it', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a', true), run('b', true)]);
      const { a, b } = await claimByTarget(play);
      await play.saveStep(a!, 'a');
      const discovery = await play.claimOne();
      await play.saveStep(b!, 'b');

      const notBefore = play.clock.now() + 1000;
      await play.store.retry({ lease: lease(discovery), notBefore, reason: 'failure' });
      expect(await play.claim()).toEqual([]);
      await play.clock.advanceBy(1000);

      const again = await play.claimOne();
      expect(again).toMatchObject({ jobId: discovery.jobId, attempt: 1, state: { stack: ['a', 'b'] } });
      await play.plan(again, [sleep('s', play.clock.now() + 1000)]);
      expect(await callsOf(play, job.run.runId)).toEqual([]);
    });

    test('a step that the SDK ran inline though it was queued is not called again', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a'), run('b')], { discover: true });
      const [discovery, ...others] = (await play.claim()).toSorted((x, y) =>
        x.target === 'step' ? -1 : y.target === 'step' ? 1 : 0,
      );
      for (const other of others) {
        await play.store.retry({ lease: lease(other), notBefore: play.clock.now(), reason: 'drain' });
      }

      await play.advance(discovery!, { saves: [save('a'), save('b')] });

      expect(await callsOf(play, job.run.runId)).toEqual(['step']);
    });
  });

  describe('in parallel, before request version 2', () => {
    test('a discovery follows each completion, and the SDK must plan for the rest of the run', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a'), run('b'), run('c')], { requestVersion: 1 });
      const { a, b, c } = await claimByTarget(play);

      await play.saveStep(a!, 'a');
      await play.saveStep(b!, 'b');
      await play.saveStep(c!, 'c');

      const discoveries = await play.claim();
      expect(discoveries.map((one) => [one.target, one.run.forcePlan])).toEqual([
        ['step', true],
        ['step', true],
        ['step', true],
      ]);
      for (const one of discoveries) await play.plan(one, [run('d')], { requestVersion: 1, isParallel: false });
      expect(await callsOf(play, job.run.runId)).toEqual(['d']);
    });
  });

  describe('sleeps', () => {
    test('[E55] a sleeping step wakes at its instant with null, and holds nothing meanwhile', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      const job = await play.start();
      const wakeAt = play.clock.now() + 3000;
      await play.plan(job, [sleep('s', wakeAt)]);

      expect(await play.claimAll()).toEqual({ jobs: [], nextWakeAt: wakeAt });
      await play.startAndComplete();
      await play.clock.advanceTo(wakeAt - 1);
      expect(await play.claim()).toEqual([]);
      await play.clock.advanceTo(wakeAt);

      expect((await play.claimOne()).state).toMatchObject({ steps: { s: 'null' }, stack: ['s'] });
    });

    test('[E56] a sleep that is over when it is planned wakes at once', async ({ play }) => {
      const job = await play.start();

      const result = await play.advance(job, {
        plans: [sleep('s', play.clock.now() - 1)],
        chain: { token: 't', leaseMs: LEASE_MS, knownStack: 0 },
      });

      expect(result).toMatchObject({ kind: 'advanced', next: { target: 'step', state: { stack: ['s'] } } });
    });
  });

  describe('chains', () => {
    const chain = (token: string, knownStack: number) => ({ token, leaseMs: LEASE_MS, knownStack });

    test('the next job comes back leased, without the state that the caller has', async ({ play }) => {
      const job = await play.start();

      const result = await play.advance(job, { saves: [save('a')], chain: chain('t1', 1) });

      expect(result).toEqual({
        kind: 'advanced',
        hasReady: false,
        next: {
          ...job,
          jobId: expect.any(String),
          token: 't1',
          stackPosition: 1,
          run: { ...job.run, requestVersion: 2, stepCount: 1, stateBytes: 12 },
          state: undefined,
        },
      });
      expect(await play.claim()).toEqual([]);
    });

    test('a repeat hands the same job back', async ({ play }) => {
      const job = await play.start();

      const result = await play.twice(() => play.advance(job, { saves: [save('a')], chain: chain('t1', 1) }));

      expect(result).toMatchObject({ next: { token: 't1' } });
    });

    test('a repeat after the chained job was lost to another does not hand it back', async ({ play }) => {
      const job = await play.start();
      const args = play.anAdvance(job, { saves: [save('a')], chain: chain('t1', 1) });
      await play.store.advance(args);
      await play.clock.advanceBy(LEASE_MS + 1);
      await play.claimOne();

      expect(await play.store.advance(args)).toEqual({ kind: 'advanced', hasReady: false });
    });

    test('the state comes along when somebody else saved something meanwhile', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a'), run('b')]);
      const { a, b } = await claimByTarget(play);
      await play.saveStep(b!, 'b');

      const result = await play.saveStep(a!, 'a', { chain: chain('t1', 1) });

      expect(result).toMatchObject({ next: { state: { stack: ['b', 'a'] } } });
    });

    test('the state comes along when the memo of the caller lost to an earlier one', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a'), run('b')], { discover: true });
      const { a, step } = await claimByTarget(play);
      await play.saveStep(step!, 'a', { saves: [save('a', '"first"')] });

      const result = await play.advance(a!, { saves: [save('a', '"second"')], chain: chain('t1', 1) });

      expect(result).toMatchObject({ next: { state: { steps: { a: '"first"' } } } });
    });

    test('after five jobs the run takes its turn in its lane', async ({ play }) => {
      let job = await play.start();
      for (let i = 1; i <= 5; i++) {
        const result = await play.saveStep(job, `s${i}`, { chain: chain(`t${i}`, i) });
        job = (result as { next: ClaimedJob }).next;
        expect(job.token).toBe(`t${i}`);
      }

      const sixth = await play.saveStep(job, 's6', { chain: chain('t6', 6) });

      expect(sixth).toEqual({ kind: 'advanced', hasReady: true });
      expect((await play.claimOne()).state?.stack).toHaveLength(6);
    });

    test('the first of several planned steps is chained, the others become ready', async ({ play }) => {
      const job = await play.start();

      const result = await play.advance(job, { plans: [run('a'), run('b')], chain: chain('t1', 0) });

      expect(result).toMatchObject({ next: { target: 'a', attemptsMax: 4 }, hasReady: true });
      expect(await play.claimOne()).toMatchObject({ target: 'b' });
    });

    test('a chain holds its capacity until it ends, whatever way', async ({ play }) => {
      await play.setFunction({ concurrency: 1, keyed: [1], run: 5 });
      const keys = { keyed: ['k'], run: 'r' };
      const job = await play.start({ keys });
      const waiting = await play.create({ keys });
      const first = (await play.saveStep(job, 'a', { chain: chain('t1', 1) })) as { next: ClaimedJob };
      expect(await play.claim()).toEqual([]);

      await play.store.retry({ lease: lease(first.next), notBefore: play.clock.now() + 1000, reason: 'failure' });

      expect(await play.claimRunIds()).toEqual([waiting]);
    });

    test('a lost lease of a chained job frees its capacity', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      const job = await play.start();
      await play.saveStep(job, 'a', { chain: chain('t1', 1) });
      await play.clock.advanceBy(LEASE_MS + 1);

      expect(await play.claimOne()).toMatchObject({ run: { runId: job.run.runId }, generation: 2, stackPosition: 1 });
    });

    test('a paused function chains nothing', async ({ play }) => {
      const job = await play.start();
      await play.store.setFunctionState('fn-1', 'paused');

      const result = await play.saveStep(job, 'a', { chain: chain('t1', 1) });

      expect(result).not.toHaveProperty('next');
    });

    test('a limit lowered below what is in use ends chains', async ({ play }) => {
      const jobs = [await play.start(), await play.start()];
      await play.setFunction({ version: 2, concurrency: 1 });

      const first = await play.saveStep(jobs[0]!, 'a', { chain: chain('t1', 1) });
      const second = await play.saveStep(jobs[1]!, 'a', { chain: chain('t2', 1) });

      expect(first).not.toHaveProperty('next');
      expect(second).toHaveProperty('next');
    });
  });

  describe('a run that waits for nothing', () => {
    test('is asked once more, then fails as deadlocked', async ({ play }) => {
      const job = await play.start();
      await play.advance(job);
      const again = await play.claimOne();

      expect(await play.advance(again)).toEqual({ kind: 'advanced', hasReady: false });

      expect(await play.endOf(job.run.runId)).toMatchObject({
        status: 'Failed',
        output: expect.stringContaining('DeadlockedRun'),
      });
    });

    test('whatever it answers of steps that are done already is no progress', async ({ play }) => {
      const job = await play.start();
      await play.saveStep(job, 'a');

      await play.plan(await play.claimOne(), [run('a')]);
      await play.saveStep(await play.claimOne(), 'a');

      expect(await play.endOf(job.run.runId)).toMatchObject({
        status: 'Failed',
        output: expect.stringContaining('DeadlockedRun'),
      });
    });

    test('is asked again each time it has made progress since', async ({ play }) => {
      const job = await play.start();
      await play.advance(job);
      await play.saveStep(await play.claimOne(), 'a');
      await play.advance(await play.claimOne());

      expect(await play.claimOne()).toMatchObject({ target: 'step' });
    });

    test('is not asked while something is outstanding', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [sleep('s', play.clock.now() + 1000)], { discover: true });

      await play.advance(await play.claimOne());

      expect(await callsOf(play, job.run.runId)).toEqual([]);
    });

    test('a targeted call that does not answer for its step is made up for by a discovery', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a'), run('b')]);
      const { a, b } = await claimByTarget(play);
      await play.advance(a!);
      await play.saveStep(b!, 'b');

      await play.plan(await play.claimOne(), [run('a')]);
      await play.saveStep(await play.claimOne(), 'a');

      expect((await play.claimOne()).state?.stack).toEqual(['b', 'a']);
    });
  });

  describe('a call that never answered for its step', () => {
    test('holds the group open, but not the run when the others have ended by time', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [run('a'), sleep('s', play.clock.now() + 1000)]);
      await play.advance(await play.claimOne());
      await play.clock.advanceBy(1000);

      expect((await play.claimOne()).state?.stack).toEqual(['s']);
    });
  });

  describe('signals', () => {
    test('[E71] the second waiter of a signal is refused and nothing of its answer is kept', async ({ play }) => {
      const expiresAt = play.clock.now() + 1000;
      const first = await play.start();
      await play.plan(first, [signal('w', 'sig', 'fail', { pauseId: 'p1', expiresAt })]);
      const second = await play.start();

      const plans = [run('a'), signal('w', 'sig', 'fail', { pauseId: 'p2', expiresAt })];
      const refused = await play.withoutTrace(() => play.advance(second, { plans }));

      expect(refused).toEqual({ kind: 'signal-conflict', hash: 'w' });
      const resumed = await play.store.resume({ envId: 'env-1', kind: 'signal', correlationId: 'sig', memo: '1' });
      expect(resumed).toEqual({ kind: 'resumed', runId: first.run.runId });
    });

    test('two waits for one signal in one answer: the second is refused, unless it is to replace the first', async ({
      play,
    }) => {
      const expiresAt = play.clock.now() + 1000;
      const job = await play.start();
      const first = signal('w1', 'sig', 'fail', { pauseId: 'p1', expiresAt });
      const other = signal('w2', 'other', 'fail', { pauseId: 'p2', expiresAt });
      const second = signal('w3', 'sig', 'fail', { pauseId: 'p3', expiresAt });

      const refused = await play.withoutTrace(() => play.advance(job, { plans: [first, other, second] }));

      expect(refused).toEqual({ kind: 'signal-conflict', hash: 'w3' });
      await play.plan(job, [first, first, other, signal('w3', 'sig', 'replace', { pauseId: 'p3', expiresAt })]);
      await play.store.resume({ envId: 'env-1', kind: 'signal', correlationId: 'sig', memo: '"s"' });
      expect(await play.store.findRunState(job.run.runId)).toMatchObject({ steps: { w3: '"s"' }, stack: ['w3'] });
    });

    test('[E72] replace: the newest waiter gets the signal, the older one its timeout', async ({ play }) => {
      const expiresAt = play.clock.now() + 1000;
      const [first, second] = [await play.start(), await play.start()];
      await play.plan(first, [signal('w', 'sig', 'fail', { pauseId: 'p1', expiresAt })]);
      await play.plan(second, [signal('w', 'sig', 'replace', { pauseId: 'p2', expiresAt })]);

      await play.store.resume({ envId: 'env-1', kind: 'signal', correlationId: 'sig', memo: '"s"' });
      expect((await play.claimOne()).run.runId).toBe(second.run.runId);
      await play.clock.advanceBy(1000);

      expect(await play.claimOne()).toMatchObject({ run: { runId: first.run.runId }, state: { steps: { w: 'null' } } });
    });

    test('waiting again by the same step, or for a signal whose waiter has ended, is no conflict', async ({ play }) => {
      const expiresAt = play.clock.now() + 1000;
      const first = await play.start();
      const plan = signal('w', 'sig', 'fail', { pauseId: 'p1', expiresAt });
      await play.plan(first, [plan], { discover: true });
      await play.plan(await play.claimOne(), [plan]);
      await play.store.finalize({ runId: first.run.runId, status: 'Cancelled' });

      const second = await play.start();
      await play.plan(second, [signal('w', 'sig', 'fail', { pauseId: 'p2', expiresAt })]);
    });
  });
}
