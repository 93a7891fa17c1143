import { describe, expect } from 'vitest';
import type { ClaimedJob } from '../store.ts';
import { ACCOUNT, LEASE_MS, lease, run, sleep, storeTest, type OpenStore, type Player } from './player.ts';

/** Claims and completes until nothing is left; answers run IDs in the order of their claims. */
async function playAll(play: Player): Promise<string[]> {
  const order: string[] = [];
  for (let jobs = await play.claim(); jobs.length > 0; jobs = await play.claim()) {
    for (const job of jobs) {
      order.push(job.run.runId);
      await play.complete(job);
    }
  }
  return order;
}

async function createMany(
  play: Player,
  count: number,
  overrides: Parameters<Player['create']>[0] = {},
): Promise<string[]> {
  const runIds: string[] = [];
  for (let i = 0; i < count; i++) {
    runIds.push(await play.create(overrides));
    await play.clock.advanceBy(1);
  }
  return runIds;
}

/** Lanes whose records changed. */
function lanesThatDiffer(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  const keys = Object.keys(after).filter((key) => key.startsWith('li|'));
  return keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

/** Those whose start was not claimed yet. */
async function runsThatWait(play: Player, runIds: string[]): Promise<string[]> {
  const waiting: string[] = [];
  for (const runId of runIds) {
    const waits = (await play.store.explainRun(runId)) ?? [];
    if (waits.some(({ waitsFor }) => waitsFor.kind !== 'nothing')) waiting.push(runId);
  }
  return waiting;
}

/** Two lanes of one function, an early one and a late one. */
const lanesOfOne = ['early', 'late'].map((key) => ({
  functionId: 'keyed',
  accountId: 'account-3',
  keys: { keyed: [key] },
  meta: key,
}));

/** Where the runs of one of several accounts, functions or keys belong. */
function placeOf(kind: string, name: string): { accountId: string; functionId: string; keys: { keyed?: string[] } } {
  return {
    accountId: kind === 'accounts' ? `account-${name}` : ACCOUNT,
    functionId: kind === 'keys of a function' ? 'fn-1' : `fn-${name}`,
    keys: kind === 'keys of a function' ? { keyed: [name] } : {},
  };
}

export function describeLimits(open: OpenStore): void {
  const test = storeTest(open);

  describe('concurrency', () => {
    test('[E83] a function of limit 1 runs one call at a time', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      const runIds = await createMany(play, 3);

      for (const runId of runIds) {
        const job = await play.claimOne();
        expect(job.run.runId).toBe(runId);
        expect(await play.claim()).toEqual([]);
        await play.complete(job);
      }
    });

    test('[E84] with limit 1 two runs of two steps go A1, A2, B1, B2', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      const [a, b] = await createMany(play, 2);
      const order: string[] = [];

      for (let call = 0; call < 6; call++) {
        const job = await play.claimOne();
        order.push(job.run.runId);
        if (job.stackPosition === 2) await play.complete(job);
        else await play.saveStep(job, `s${job.stackPosition}`);
      }

      expect(order).toEqual([a, a, a, b, b, b]);
    });

    test('[E85] a sleeping run does not hold up another', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      await play.plan(await play.start(), [sleep('s', play.clock.now() + 60_000)]);

      expect((await play.start()).stackPosition).toBe(0);
    });

    test('[E86] a keyed limit serialises each key, and keys run side by side', async ({ play }) => {
      await play.setFunction({ keyed: [1] });
      const k1 = await createMany(play, 3, { keys: { keyed: ['k1'] } });
      const k2 = await createMany(play, 3, { keys: { keyed: ['k2'] } });

      for (let round = 0; round < 3; round++) {
        const jobs = await play.claim();
        expect(jobs.map((job) => job.run.runId).toSorted()).toEqual([k1[round], k2[round]].toSorted());
        for (const job of jobs) await play.complete(job);
      }
    });

    test('[E87] a keyed limit of 1 and a limit of 3 for the function are both kept', async ({ play }) => {
      await play.setFunction({ concurrency: 3, keyed: [1] });
      const keyOfRun = new Map<string, string>();
      for (const key of ['k1', 'k2', 'k3', 'k4', 'k5']) {
        for (const runId of await createMany(play, 4, { keys: { keyed: [key] } })) keyOfRun.set(runId, key);
      }
      let ended = 0;

      for (let jobs = await play.claim(); jobs.length > 0; jobs = await play.claim()) {
        expect(jobs.length).toBeLessThanOrEqual(3);
        expect(new Set(jobs.map((job) => keyOfRun.get(job.run.runId))).size).toBe(jobs.length);
        for (const job of jobs) await play.complete(job);
        ended += jobs.length;
      }

      expect(ended).toBe(20);
    });

    test('[E88] functions that share a counter do not overlap', async ({ play }) => {
      for (const functionId of ['fn-1', 'fn-2']) await play.setFunction({ functionId, keyed: [1] });
      const first = await createMany(play, 2, { functionId: 'fn-1', keys: { keyed: ['shared'] } });
      const second = await createMany(play, 2, { functionId: 'fn-2', keys: { keyed: ['shared'] } });

      const order: string[] = [];
      for (let i = 0; i < 4; i++) {
        const job = await play.claimOne();
        order.push(job.run.runId);
        expect(await play.claim()).toEqual([]);
        await play.complete(job);
      }

      expect(order.toSorted()).toEqual([...first, ...second].toSorted());
    });

    test('a shared counter is measured by each function with its own limit', async ({ play }) => {
      await play.setFunction({ functionId: 'fn-1', keyed: [1] });
      await play.setFunction({ functionId: 'fn-2', keyed: [3] });
      await createMany(play, 2, { functionId: 'fn-1', keys: { keyed: ['shared'] } });
      await createMany(play, 4, { functionId: 'fn-2', keys: { keyed: ['shared'] } });

      const jobs = await play.claim();

      const held = jobs.map((job) => job.run.functionId);
      expect(held).toHaveLength(3);
      expect(held.filter((fn) => fn === 'fn-1').length).toBeLessThanOrEqual(1);
    });

    test('two keyed limits are both kept', async ({ play }) => {
      await play.setFunction({ keyed: [2, 1] });
      await createMany(play, 2, { keys: { keyed: ['a', 'x'] } });
      await createMany(play, 2, { keys: { keyed: ['a', 'y'] } });
      await createMany(play, 1, { keys: { keyed: ['b', 'x'] } });

      expect(await play.claim()).toHaveLength(2);
    });

    test('the limit of an account holds for all of its functions', async ({ play }) => {
      await play.store.setAccountConcurrency(ACCOUNT, 2);
      for (const functionId of ['fn-1', 'fn-2', 'fn-3']) await createMany(play, 2, { functionId });

      const jobs = await play.claim();
      expect(jobs).toHaveLength(2);
      expect(await play.claim()).toEqual([]);
      await play.complete(jobs[0]!);

      expect(await play.claim()).toHaveLength(1);
    });

    test('other accounts are not held up', async ({ play }) => {
      await play.store.setAccountConcurrency(ACCOUNT, 1);
      await createMany(play, 3);
      const other = await play.create({ accountId: 'account-2', functionId: 'fn-2' });

      expect(await play.claimRunIds()).toContain(other);
    });

    test('a retry counts while it runs, not while it waits', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      const job = await play.start();
      await play.store.retry({ lease: lease(job), notBefore: play.clock.now() + 1000, reason: 'failure' });
      const other = await play.start();
      await play.clock.advanceBy(1000);

      expect(await play.claim()).toEqual([]);
      await play.complete(other);

      expect(await play.claimOne()).toMatchObject({ jobId: job.jobId });
    });

    test('[E90] a raised limit is used at the next claim, by a new version only', async ({ play }) => {
      await play.setFunction({ concurrency: 1, version: 2 });
      await createMany(play, 10);
      expect(await play.claim()).toHaveLength(1);

      await play.setFunction({ concurrency: 5, version: 1 });
      expect(await play.claim()).toEqual([]);
      await play.setFunction({ concurrency: 5, version: 3 });

      expect(await play.claim()).toHaveLength(4);
    });

    test('raised limits of keys, runs and accounts are used at the next claim', async ({ play }) => {
      await play.setFunction({ functionId: 'keyed', keyed: [1] });
      await play.setFunction({ functionId: 'runs', run: 1 });
      await play.store.setAccountConcurrency('small', 1);
      await createMany(play, 4, { functionId: 'keyed', keys: { keyed: ['k'] } });
      await createMany(play, 4, { functionId: 'runs', keys: { run: 'r' } });
      await createMany(play, 4, { functionId: 'other', accountId: 'small' });
      expect(await play.claim()).toHaveLength(3);

      await play.setFunction({ functionId: 'keyed', keyed: [3], version: 2 });
      await play.setFunction({ functionId: 'runs', run: 3, version: 2 });
      await play.store.setAccountConcurrency('small', 3);

      expect(await play.claim()).toHaveLength(6);
    });

    test('a lowered limit interrupts nothing and grants nothing until usage is below', async ({ play }) => {
      await play.setFunction({ concurrency: 3 });
      await createMany(play, 5);
      const jobs = await play.claim();
      await play.setFunction({ concurrency: 1, version: 2 });

      await play.complete(jobs[0]!);
      await play.complete(jobs[1]!);
      expect(await play.claim()).toEqual([]);
      await play.complete(jobs[2]!);

      expect(await play.claim()).toHaveLength(1);
    });
  });

  describe('run-level concurrency', () => {
    test('[E89] the second run starts when the first has ended, sleep included', async ({ play }) => {
      await play.setFunction({ run: 1 });
      const keys = { run: 'r' };
      const first = await play.start({ keys });
      const second = await play.create({ keys });
      await play.plan(first, [sleep('s', play.clock.now() + 60_000)]);
      expect(await play.claim()).toEqual([]);
      await play.clock.advanceBy(60_000);

      const again = await play.claimOne();
      expect(again.run.runId).toBe(first.run.runId);
      expect(await play.claim()).toEqual([]);
      await play.complete(again);

      expect(await play.claimRunIds()).toEqual([second]);
    });

    test('a cancelled run gives its place to the next', async ({ play }) => {
      await play.setFunction({ run: 1 });
      const first = await play.start({ keys: { run: 'r' } });
      const second = await play.create({ keys: { run: 'r' } });
      expect(await play.claim()).toEqual([]);

      await play.store.finalize({ runId: first.run.runId, status: 'Cancelled' });

      expect(await play.claimRunIds()).toEqual([second]);
    });

    test('a start that is retried or lost keeps its place and takes no second one', async ({ play }) => {
      await play.setFunction({ run: 2 });
      const first = await play.start({ keys: { run: 'r' } });
      await play.store.retry({ lease: lease(first), notBefore: play.clock.now() + 1000, reason: 'failure' });
      const second = await play.start({ keys: { run: 'r' } });
      await play.create({ keys: { run: 'r' } });
      expect(await play.claim()).toEqual([]);

      await play.clock.advanceBy(LEASE_MS + 1);

      expect((await play.claimRunIds()).toSorted()).toEqual([first.run.runId, second.run.runId]);
    });
  });

  describe('throttle', () => {
    const throttle = { limit: 2, burst: 0, periodMs: 6000 };

    /** Instants of the starts, relative to now. */
    async function startsWithin(play: Player, ms: number): Promise<number[]> {
      const from = play.clock.now();
      const starts: number[] = [];
      while (play.clock.now() <= from + ms) {
        const { jobs, nextWakeAt } = await play.claimAll();
        starts.push(...jobs.map(() => play.clock.now() - from));
        for (const job of jobs) await play.complete(job);
        if (nextWakeAt === undefined) return starts;
        await play.clock.advanceTo(Math.max(nextWakeAt, play.clock.now()));
      }
      return starts;
    }

    test('[E93] 2 per 6 s start five runs at 0, 0, 3, 6 and 9 s', async ({ play }) => {
      await play.setFunction({ throttle });
      for (let i = 0; i < 5; i++) await play.create({ keys: { throttle: 't' } });

      expect(await startsWithin(play, 20_000)).toEqual([0, 0, 3000, 6000, 9000]);
    });

    test('[E94] a burst of 1 starts three at once', async ({ play }) => {
      await play.setFunction({ throttle: { ...throttle, burst: 1 } });
      for (let i = 0; i < 4; i++) await play.create({ keys: { throttle: 't' } });

      expect(await startsWithin(play, 20_000)).toEqual([0, 0, 0, 3000]);
    });

    test('[E95] later steps, retries and lost leases take no token', async ({ play }) => {
      await play.setFunction({ throttle: { limit: 1, burst: 0, periodMs: 6_000_000 } });
      const job = await play.start({ keys: { throttle: 't' } });
      await play.store.retry({ lease: lease(job), notBefore: play.clock.now(), reason: 'failure' });
      await play.claimOne();
      await play.clock.advanceBy(LEASE_MS + 1);
      await play.saveStep(await play.claimOne(), 'a');

      expect((await play.claimOne()).stackPosition).toBe(1);
    });

    test('[E96] buckets are independent, and equal names share one', async ({ play }) => {
      await play.setFunction({ throttle: { limit: 1, burst: 0, periodMs: 60_000 } });
      for (const bucket of ['a', 'a', 'b', 'null', 'null']) await play.create({ keys: { throttle: bucket } });

      expect(await play.claim()).toHaveLength(3);
    });

    test('[E97] throttled starts are first in, first out', async ({ play }) => {
      await play.setFunction({ throttle: { limit: 1, burst: 0, periodMs: 1000 } });
      const runIds = await createMany(play, 20, { keys: { throttle: 't' } });
      const started: string[] = [];

      while (started.length < 20) {
        const { jobs, nextWakeAt } = await play.claimAll();
        started.push(...jobs.map((job) => job.run.runId));
        for (const job of jobs) await play.complete(job);
        await play.clock.advanceTo(Math.max(nextWakeAt ?? 0, play.clock.now()));
      }

      expect(started).toEqual(runIds);
    });

    test('a start that concurrency holds back spends no token', async ({ play }) => {
      await play.setFunction({ concurrency: 1, throttle: { limit: 2, burst: 0, periodMs: 60_000 } });
      const [first] = await createMany(play, 3, { keys: { throttle: 't' } });
      const job = await play.claimOne();
      for (let i = 0; i < 5; i++) expect(await play.claim()).toEqual([]);

      expect(job.run.runId).toBe(first);
      await play.complete(job);
      await play.complete(await play.claimOne());

      expect(await play.claim()).toEqual([]);
    });

    test('300 lanes of one bucket are woken as tokens come, in their order, and none is forgotten', async ({
      play,
    }) => {
      await play.setFunction({ throttle: { limit: 10, burst: 0, periodMs: 1000 }, keyed: [1] });
      const runIds: string[] = [];
      for (let i = 0; i < 300; i++) {
        runIds.push(await play.create({ keys: { throttle: 't', keyed: [`k${i}`] } }));
      }
      const begin = play.clock.now();
      const started: string[] = [];
      let { jobs, nextWakeAt } = await play.claimAll();
      while (nextWakeAt === play.clock.now()) {
        const more = await play.claimAll();
        jobs = [...jobs, ...more.jobs];
        nextWakeAt = more.nextWakeAt;
      }
      expect(jobs).toHaveLength(10);

      for (let left = 290; left > 0; left -= 1) {
        for (const job of jobs) await play.complete(job);
        started.push(...jobs.map((job) => job.run.runId));
        expect(nextWakeAt).toBe(begin + (started.length - 9) * 100);
        await play.clock.advanceTo(nextWakeAt ?? 0);
        const before = left % 50 === 0 ? await play.store.dump() : undefined;
        ({ jobs, nextWakeAt } = await play.claimAll());
        expect(jobs).toHaveLength(1);
        if (before) expect(lanesThatDiffer(before, await play.store.dump())).toHaveLength(1);
      }

      expect([...started, ...jobs.map((job) => job.run.runId)]).toEqual(runIds);
    });

    test('a token is handed on by lanes that cannot take it: their key is full, or their run is gone', async ({
      play,
    }) => {
      await play.setFunction({ throttle: { limit: 1, burst: 0, periodMs: 1000 }, keyed: [1] });
      const keysOf = (key: string) => ({ throttle: 't', keyed: [key] });
      const first = await play.start({ keys: keysOf('full') });
      const full = await play.create({ keys: keysOf('full') });
      const gone = await play.create({ keys: keysOf('gone') });
      const free = await play.create({ keys: keysOf('free') });
      const last = await play.create({ keys: keysOf('last') });
      expect(await play.claim()).toEqual([]);
      await play.clock.advanceBy(1000);
      await play.store.finalize({ runId: gone, status: 'Cancelled' });

      expect(await play.claimRunIds()).toEqual([free]);

      await play.complete(first);
      await play.clock.advanceBy(1000);
      expect(await play.claimRunIds()).toHaveLength(1);
      await play.clock.advanceBy(1000);
      expect(await play.claimRunIds()).toHaveLength(1);
      expect(await runsThatWait(play, [full, last])).toEqual([]);
    });

    test('lanes of a paused function wait for their bucket, and have its tokens when it is back', async ({ play }) => {
      await play.setFunction({ throttle: { limit: 2, burst: 0, periodMs: 2000 }, keyed: [1] });
      const runIds: string[] = [];
      for (let i = 0; i < 6; i++) runIds.push(await play.create({ keys: { throttle: 't', keyed: [`k${i}`] } }));
      expect(await play.claimRunIds()).toEqual(runIds.slice(0, 2));
      await play.store.setFunctionState('fn-1', 'paused');
      await play.clock.advanceBy(10_000);
      expect(await play.claim()).toEqual([]);

      await play.store.setFunctionState('fn-1', 'active');

      expect(await play.claimRunIds()).toEqual(runIds.slice(2, 4));
      expect(await play.claim()).toEqual([]);
      await play.clock.advanceBy(1000);
      expect(await play.claimRunIds()).toEqual(runIds.slice(4, 5));
    });

    test('a throttle that is lifted or widened holds nothing back any more', async ({ play }) => {
      await play.setFunction({ throttle: { limit: 1, burst: 0, periodMs: 86_400_000 } });
      for (let i = 0; i < 3; i++) await play.create({ keys: { throttle: 't' } });
      expect(await play.claim()).toHaveLength(1);

      await play.setFunction({ version: 2 });

      expect(await play.claim()).toHaveLength(2);
    });
  });

  describe('parking', () => {
    test('a blocked lane is not looked at until it is woken', async ({ play }) => {
      await play.setFunction({ keyed: [1] });
      await play.start({ keys: { keyed: ['k'] } });
      await play.create({ keys: { keyed: ['k'] } });
      await play.claim();

      const { jobs, nextWakeAt } = await play.withoutTrace(() => play.claimAll());

      expect(jobs).toEqual([]);
      expect(nextWakeAt).toBeGreaterThan(play.clock.now());
    });

    test('of many lanes that wait for one counter each is served in its turn', async ({ play }) => {
      const functions = Array.from({ length: 10 }, (_, i) => `fn-${i}`);
      for (const functionId of functions) await play.setFunction({ functionId, keyed: [1] });
      for (const functionId of functions) await createMany(play, 3, { functionId, keys: { keyed: ['shared'] } });

      const order = (await playEach(play)).map((job) => job.run.functionId);

      expect(order).toHaveLength(30);
      expect(new Set(order.slice(0, 10)).size).toBe(10);
    });

    test('room that a paused function leaves unused goes to others', async ({ play }) => {
      for (const functionId of ['fn-1', 'fn-2']) await play.setFunction({ functionId, keyed: [1] });
      const holder = await play.start({ functionId: 'fn-1', keys: { keyed: ['shared'] } });
      await play.create({ functionId: 'fn-1', keys: { keyed: ['shared'] } });
      await play.claim();
      const other = await play.create({ functionId: 'fn-2', keys: { keyed: ['shared'] } });
      await play.claim();
      await play.store.setFunctionState('fn-1', 'paused');

      await play.complete(holder);

      expect(await play.claimRunIds()).toEqual([other]);
    });

    test('room that was given to a lane whose function is paused then goes to others', async ({ play }) => {
      for (const functionId of ['fn-1', 'fn-2']) await play.setFunction({ functionId, keyed: [1] });
      const holder = await play.start({ functionId: 'fn-1', keys: { keyed: ['shared'] } });
      await play.create({ functionId: 'fn-1', keys: { keyed: ['shared'] } });
      await play.claim();
      const other = await play.create({ functionId: 'fn-2', keys: { keyed: ['shared'] } });
      await play.claim();

      await play.complete(holder);
      await play.store.setFunctionState('fn-1', 'paused');

      expect(await play.claimRunIds()).toEqual([other]);
    });

    test('room that a woken lane cannot use, for another key is full, goes to others', async ({ play }) => {
      await play.setFunction({ functionId: 'fn-1', keyed: [1, 1] });
      await play.setFunction({ functionId: 'fn-2', keyed: [1] });
      const holder = await play.start({ functionId: 'fn-2', keys: { keyed: ['shared'] } });
      await play.start({ functionId: 'fn-1', keys: { keyed: ['own', 'full'] } });
      await play.create({ functionId: 'fn-1', keys: { keyed: ['shared', 'full'] } });
      await play.claim();
      const other = await play.create({ functionId: 'fn-2', keys: { keyed: ['shared'] } });
      await play.claim();

      await play.complete(holder);

      expect(await play.claimRunIds()).toEqual([other]);
    });

    test('room that a woken lane cannot use, for its function is full by now, goes to others', async ({ play }) => {
      await play.setFunction({ functionId: 'fn-1', keyed: [1], concurrency: 1 });
      await play.setFunction({ functionId: 'fn-2', keyed: [1] });
      const holder = await play.start({ functionId: 'fn-2', keys: { keyed: ['shared'] } });
      await play.create({ functionId: 'fn-1', keys: { keyed: ['shared'] } });
      await play.claim();
      const other = await play.create({ functionId: 'fn-2', keys: { keyed: ['shared'] } });
      await play.claim();
      await play.start({ functionId: 'fn-1' });

      await play.complete(holder);

      expect(await play.claimRunIds()).toEqual([other]);
    });

    test('room of a woken lane goes to others when another lane fills its function first', async ({ play }) => {
      await play.setFunction({ functionId: 'fn-1', keyed: [1], concurrency: 1 });
      await play.setFunction({ functionId: 'fn-2', keyed: [1] });
      const holder = await play.start({ functionId: 'fn-2', keys: { keyed: ['shared'] } });
      await play.create({ functionId: 'fn-1', keys: { keyed: ['shared'] } });
      await play.claim();
      const other = await play.create({ functionId: 'fn-2', keys: { keyed: ['shared'] } });
      await play.claim();
      await play.plan(await play.start({ functionId: 'fn-1' }), [run('a'), run('b')]);

      await play.complete(holder);

      // Jobs that go on come before the start that was woken, which is not looked at.
      expect((await play.claim(1)).map((job) => job.target)).toEqual(['a']);
      expect(await play.claimRunIds()).toEqual([other]);
    });

    test('a lane that is woken but has lost its jobs passes its room on', async ({ play }) => {
      await play.setFunction({ run: 1 });
      await play.setFunction({ functionId: 'fn-2', run: 1 });
      const holder = await play.start({ keys: { run: 'shared' } });
      const [cancelled] = await createMany(play, 1, { keys: { run: 'shared' } });
      await play.claim();
      const other = await play.create({ functionId: 'fn-2', keys: { run: 'shared' } });
      await play.claim();

      await play.complete(holder);
      await play.store.finalize({ runId: cancelled!, status: 'Cancelled' });

      expect(await play.claimRunIds()).toEqual([other]);
    });
  });

  describe('pause and drain', () => {
    test('[E127] a paused function finishes its calls and starts none; nothing is lost', async ({ play }) => {
      const job = await play.start();
      const waiting = await play.create();
      await play.store.setFunctionState('fn-1', 'paused');
      await play.saveStep(job, 'a');
      expect(await play.claim()).toEqual([]);

      await play.store.setFunctionState('fn-1', 'active');

      expect((await play.claimRunIds()).toSorted()).toEqual([job.run.runId, waiting]);
    });

    test('[E128] a drained function runs what it has', async ({ play }) => {
      const runId = await play.create();
      await play.store.setFunctionState('fn-1', 'drained');

      const job = await play.claimOne();
      await play.saveStep(job, 'a');
      await play.complete(await play.claimOne());

      expect(job.run.runId).toBe(runId);
    });

    test('pausing a full function, or twice, loses nothing', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      const job = await play.start();
      const waiting = await play.create();
      await play.claim();
      await play.store.setFunctionState('fn-1', 'paused');
      await play.store.setFunctionState('fn-1', 'paused');
      await play.complete(job);
      expect(await play.claim()).toEqual([]);
      await play.store.setFunctionState('fn-1', 'active');
      await play.store.setFunctionState('fn-1', 'active');

      expect(await play.claimRunIds()).toEqual([waiting]);
    });
  });

  describe('order', () => {
    test('runs start in the order in which they were scheduled', async ({ play }) => {
      const runIds = await createMany(play, 20);

      expect(await play.claimRunIds()).toEqual(runIds);
    });

    test('[E112] priority moves a run before those that are up to so many seconds older', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      const backlog = await createMany(play, 3);
      const urgent = await play.create({ priority: 100 });
      const lazy = await play.create({ priority: -100 });
      const last = await play.create();

      expect(await playAll(play)).toEqual([urgent, ...backlog, last, lazy]);
    });

    test('[E114] a negative priority does not delay a run that nothing competes with', async ({ play }) => {
      const runId = await play.create({ priority: -100 });

      expect(await play.claimRunIds()).toEqual([runId]);
    });

    test('runs that go on come before runs that start, which get their share all the same', async ({ play }) => {
      await play.setFunction({ concurrency: 2000 });
      for (const job of await startMany(play, 200)) await play.plan(job, [run('a'), run('b')]);
      await createMany(play, 100);

      const claimed: ClaimedJob[] = [];
      for (let i = 0; i < 22; i++) claimed.push(...(await play.claim(10)));

      const starts = claimed.filter((job) => job.target === 'step').length;
      expect(starts).toBeGreaterThanOrEqual(10);
      expect(starts).toBeLessThanOrEqual(40);
    });
  });

  describe('fairness', () => {
    test('[E91] a run of another function is not held up by a backlog', async ({ play }) => {
      await createMany(play, 300, { functionId: 'fn-1' });
      await play.claim(20);
      const other = await play.create({ functionId: 'fn-2' });

      expect(await play.claimRunIds(16)).toContain(other);
    });

    test('[E92] a run of another account is not held up by a backlog', async ({ play }) => {
      for (const functionId of ['fn-1', 'fn-2', 'fn-3']) await createMany(play, 100, { functionId });
      await play.claim(20);
      const other = await play.create({ accountId: 'account-2', functionId: 'fn-9' });

      expect(await play.claimRunIds(16)).toContain(other);
    });

    test('accounts share alike, functions of an account by weight', async ({ play }) => {
      await play.setFunction({ functionId: 'light', weight: 1 });
      await play.setFunction({ functionId: 'heavy', weight: 3 });
      await play.setFunction({ functionId: 'other', accountId: 'account-2' });
      for (const functionId of ['light', 'heavy']) await createMany(play, 200, { functionId });
      await createMany(play, 200, { functionId: 'other', accountId: 'account-2' });

      const counts = await claimCounts(play, 160);

      expect(counts.get('other')).toBeGreaterThanOrEqual(72);
      expect(counts.get('other')).toBeLessThanOrEqual(88);
      expect(counts.get('heavy')! / counts.get('light')!).toBeGreaterThan(2);
      expect(counts.get('heavy')! / counts.get('light')!).toBeLessThan(4.5);
    });

    test('lanes of a function share alike', async ({ play }) => {
      await play.setFunction({ keyed: [1000] });
      for (const [key, count] of [
        ['a', 200],
        ['b', 50],
      ] as const)
        await createMany(play, count, { keys: { keyed: [key] } });

      const jobs = await play.claim(64);

      const ofB = jobs.filter((job) => Number(job.run.runId.slice(-6)) > 200).length;
      expect(ofB).toBeGreaterThanOrEqual(24);
    });

    test.for(['accounts', 'functions', 'keys of a function'])(
      '%s that come anew have their turns in the order in which they came, whatever their names',
      async (kind, { play }) => {
        await play.startAndComplete(placeOf(kind, 'm'));
        const names = ['q', 'x', 'b', 'z', 'a', 'k'];
        for (const name of names) await play.create({ ...placeOf(kind, name), meta: name });

        const order: string[] = [];
        for (let i = 0; i < names.length; i++) order.push(...(await play.claim(1)).map((job) => job.run.meta));

        expect(order).toEqual(names);
      },
    );

    test.for(['accounts', 'functions', 'keys of a function'])(
      '%s that always come anew do not keep one with a backlog waiting for ever',
      async (kind, { play }) => {
        for (let i = 0; i < 10; i++) await play.create({ ...placeOf(kind, 'z'), meta: 'backlog' });
        let served = 0;

        for (let i = 0; i < 1100; i++) {
          await play.create(placeOf(kind, `a${i}`));
          for (const job of await play.claim(1)) {
            if (job.run.meta === 'backlog') served += 1;
            await play.complete(job);
          }
        }

        expect(served).toBeGreaterThanOrEqual(2);
      },
    );

    test.for(['functions', 'keys of a function'])(
      'of %s that meet at one counter each gets as much as the others',
      async (kind, { play }) => {
        const names = Array.from({ length: 6 }, (_, i) => `n${i}`);
        for (const name of names) {
          const functionId = kind === 'functions' ? name : 'fn-1';
          await play.setFunction({ functionId, keyed: [4, 1000] });
          await createMany(play, 40, { functionId, meta: name, keys: { keyed: ['shared', `own-${name}`] } });
        }
        const counts = new Map(names.map((name) => [name, 0]));
        const held = await play.claim();

        // Two leave at a time, so that two who wait are woken for them and meet.
        for (let turn = 0; turn < 60; turn++) {
          for (const job of held.splice(0, 2)) {
            counts.set(job.run.meta, (counts.get(job.run.meta) ?? 0) + 1);
            await play.complete(job);
          }
          held.push(...(await play.claim()));
        }

        for (const count of counts.values()) expect(count).toBeGreaterThanOrEqual(16);
      },
    );

    test('time without work earns no credit: neither functions nor lanes nor accounts', async ({ play }) => {
      await play.setFunction({ functionId: 'keyed', accountId: 'account-3', keyed: [1000] });
      const busy = { functionId: 'fn-1', accountId: 'account-1', keys: {} };
      const rivals = [
        { functionId: 'fn-2', accountId: 'account-1', keys: {} },
        { functionId: 'fn-3', accountId: 'account-2', keys: {} },
      ];
      for (const rival of [...rivals, ...lanesOfOne]) await play.startAndComplete(rival);
      await createMany(play, 400, busy);
      await createMany(play, 400, lanesOfOne[0]);
      await claimCounts(play, 400);
      for (const rival of [...rivals, lanesOfOne[1]!]) await createMany(play, 200, rival);

      const jobs = await claimMany(play, 240);

      // Accounts 1 to 3 get 80 each, of which the latecomer of account 1 gets half, and that of the keyed lanes as well.
      const share = (runs: (job: ClaimedJob) => boolean): number => jobs.filter(runs).length;
      expect(share((job) => job.run.accountId === 'account-2')).toBeLessThanOrEqual(104);
      expect(share((job) => job.run.functionId === 'fn-2')).toBeLessThanOrEqual(56);
      expect(share((job) => job.run.functionId === 'keyed' && job.run.meta === 'late')).toBeLessThanOrEqual(56);
    });

    test('jobs that are handed on directly are charged as any other', async ({ play }) => {
      await createMany(play, 60, { functionId: 'chained' });
      await createMany(play, 200, { functionId: 'plain' });
      const jobs = { chained: 0, plain: 0 };

      for (let claims = 0; claims < 120; claims++) {
        const job = (await play.claim(1))[0]!;
        if (job.run.functionId === 'chained') jobs.chained += await playChain(play, job);
        else {
          jobs.plain += 1;
          await play.complete(job);
        }
      }

      expect(jobs.chained / jobs.plain).toBeGreaterThan(0.7);
      expect(jobs.chained / jobs.plain).toBeLessThan(1.4);
    });
  });
}

/** Commits step after step until the run is not handed its next job. Answers the number of jobs. */
async function playChain(play: Player, first: ClaimedJob): Promise<number> {
  let jobs = 0;
  for (let job: ClaimedJob | undefined = first; job; jobs += 1) {
    const chain = { token: play.unique('t'), leaseMs: LEASE_MS, knownStack: job.stackPosition + 1 };
    const result = await play.saveStep(job, play.unique('s'), { chain });
    job = result.kind === 'advanced' ? result.next : undefined;
  }
  return jobs;
}

async function startMany(play: Player, count: number): Promise<ClaimedJob[]> {
  await createMany(play, count);
  const jobs: ClaimedJob[] = [];
  while (jobs.length < count) jobs.push(...(await play.claim()));
  return jobs;
}

async function claimMany(play: Player, jobsMax: number): Promise<ClaimedJob[]> {
  const jobs: ClaimedJob[] = [];
  while (jobs.length < jobsMax) jobs.push(...(await play.claim(8)));
  return jobs;
}

async function claimCounts(play: Player, jobsMax: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let left = jobsMax; left > 0; left -= 8) {
    for (const job of await play.claim(8)) counts.set(job.run.functionId, (counts.get(job.run.functionId) ?? 0) + 1);
  }
  return counts;
}

/** Claims one job at a time, completing each before the next claim. */
async function playEach(play: Player): Promise<ClaimedJob[]> {
  const played: ClaimedJob[] = [];
  for (let jobs = await play.claim(); jobs.length > 0; jobs = await play.claim()) {
    for (const job of jobs) {
      played.push(job);
      await play.complete(job);
    }
  }
  return played;
}
