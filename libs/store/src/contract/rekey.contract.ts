import { describe, expect } from 'vitest';
import type { ClaimedJob, ConstraintKeys, FunctionLimits } from '../store.ts';
import { LEASE_MS, lease, run, save, sleep, storeTest, type OpenStore, type Player } from './player.ts';

/** New key expressions of `fn-1`, and what they give for each run. */
async function giveKeys(play: Player, keysId: string, limits: Partial<FunctionLimits> = {}): Promise<void> {
  await play.setFunction({ keysId, ...limits });
}

/** Keys all live runs of `fn-1` anew, a page at a time, until there is nothing more to do. */
async function rekeyAll(play: Player, keysOf: (runId: string) => ConstraintKeys, runsMax = 100): Promise<void> {
  for (let [rekey] = await play.store.findRekeys(); rekey !== undefined; [rekey] = await play.store.findRekeys()) {
    const { functionId, keysId, after: from } = rekey;
    const { runs, after, isLast } = await play.store.listRuns({ ...rekey, runsMax, withEvents: false });
    const keyed = runs.map(({ runId }) => ({ runId, keys: keysOf(runId) }));
    await play.store.rekey({ functionId, keysId, from, after, isLast, runs: keyed });
    expect(await play.store.checkInvariants()).toEqual([]);
  }
}

async function createMany(play: Player, count: number, keys: ConstraintKeys, functionId = 'fn-1'): Promise<string[]> {
  const runIds: string[] = [];
  for (let i = 0; i < count; i++) {
    runIds.push(await play.create({ functionId, keys, keysId: 'old' }));
    await play.clock.advanceBy(1);
  }
  return runIds;
}

function runIdsOf(jobs: ClaimedJob[]): string[] {
  return jobs.map(({ run: { runId } }) => runId).toSorted();
}

const [x, y] = ['x', 'y'].map((key) => ({ keyed: [key] })) as [ConstraintKeys, ConstraintKeys];

export function describeRekey(open: OpenStore): void {
  const test = storeTest(open);

  describe('revisions of limits', () => {
    test('[E90] a limit that an operator raises is used at the next claim', async ({ play }) => {
      await play.setFunction({ concurrency: 1 });
      for (let i = 0; i < 5; i++) await play.create();
      await play.claimOne();
      expect(await play.claim()).toEqual([]);

      await play.setFunction({ concurrency: 5, revision: 1 });

      expect(await play.claim()).toHaveLength(4);
    });

    test('an earlier revision changes nothing, a later version does whatever its revision', async ({ play }) => {
      await play.setFunction({ concurrency: 2, version: 2, revision: 3 });
      for (let i = 0; i < 9; i++) await play.create();

      await play.withoutTrace(() => play.setFunction({ concurrency: 9, version: 2, revision: 2 }));
      await play.withoutTrace(() => play.setFunction({ concurrency: 9, version: 2 }));
      await play.withoutTrace(() => play.setFunction({ concurrency: 9, version: 1, revision: 8 }));
      expect(await play.claim()).toHaveLength(2);
      await play.twice(() => play.setFunction({ concurrency: 3, version: 3 }));

      expect(await play.claim()).toHaveLength(1);
    });
  });

  describe('what is to be keyed anew', () => {
    test('a function is noted when its expressions change, not when they become known or are not told', async ({
      play,
    }) => {
      await play.setFunction();
      await play.create({ keys: x });
      await play.setFunction({ keysId: 'old' });
      await play.create({ keys: x, keysId: 'old' });
      await play.create({ keys: x });
      await play.setFunction({ version: 2 });
      expect(await play.store.findRekeys()).toEqual([]);

      await play.twice(() => play.setFunction({ version: 3, keysId: 'new' }));

      expect(await play.store.findRekeys()).toEqual([{ functionId: 'fn-1', keysId: 'new', after: 0 }]);
    });

    test('limits that come too late do not change the expressions', async ({ play }) => {
      await play.setFunction({ version: 2, keysId: 'new' });

      await play.withoutTrace(() => play.setFunction({ version: 1, keysId: 'old' }));
    });

    test('a function is done after its last page, and a page told again changes nothing', async ({ play }) => {
      await play.setFunction({ keysId: 'old' });
      const runIds = await createMany(play, 3, x);
      await giveKeys(play, 'new', { version: 2 });
      const first = await play.store.listRuns({ functionId: 'fn-1', after: 0, runsMax: 2, withEvents: false });
      const page = { functionId: 'fn-1', keysId: 'new', from: 0, after: first.after, isLast: false };
      const runs = first.runs.map(({ runId }) => ({ runId, keys: y }));

      await play.twice(() => play.store.rekey({ ...page, runs }));
      expect(await play.store.findRekeys()).toEqual([{ functionId: 'fn-1', keysId: 'new', after: first.after }]);
      const { after } = await play.store.listRuns({ ...page, runsMax: 2, withEvents: false });
      const last = { ...page, from: first.after, after, isLast: true, runs: [{ runId: runIds[2]!, keys: y }] };
      expect(await play.twice(() => play.store.rekey(last))).toBe('moved');
      await play.withoutTrace(() => play.store.rekey({ ...page, runs }));

      expect(await play.store.findRekeys()).toEqual([]);
    });

    test('keys of expressions that are not those of the function any more change nothing', async ({ play }) => {
      await play.setFunction({ keysId: 'old' });
      const [runId] = await createMany(play, 1, x);
      await giveKeys(play, 'new', { version: 2 });
      await giveKeys(play, 'newest', { version: 3 });

      const late = { functionId: 'fn-1', keysId: 'new', from: 0, after: 1, isLast: true };
      const runs = [{ runId: runId!, keys: y }];
      expect(await play.withoutTrace(() => play.store.rekey({ ...late, runs }))).toBe('outdated');
    });

    test('keys that went and came again go through all runs, whatever late page of the first time arrives', async ({
      play,
    }) => {
      await play.setFunction({ keysId: 'first' });
      const runIds = await createMany(play, 4, x);
      await giveKeys(play, 'new', { version: 2 });
      const { after } = await play.store.listRuns({ functionId: 'fn-1', after: 0, runsMax: 2, withEvents: false });
      await play.store.rekey({ functionId: 'fn-1', keysId: 'new', from: 0, after, isLast: false, runs: [] });
      const late = { functionId: 'fn-1', keysId: 'new', from: after, after: after + 2, isLast: true };
      await giveKeys(play, 'bad', { version: 3 });
      await giveKeys(play, 'new', { version: 4 });

      await play.store.rekey({ ...late, runs: runIds.slice(2).map((runId) => ({ runId, keys: y })) });

      expect(await play.store.findRekeys()).toEqual([{ functionId: 'fn-1', keysId: 'new', after: 0 }]);
      await rekeyAll(play, () => y);
    });

    test('a run that is scheduled under other keys later is found from its place on', async ({ play }) => {
      await play.setFunction({ keysId: 'old' });
      await createMany(play, 2, x);
      await giveKeys(play, 'new', { version: 2 });
      await rekeyAll(play, () => y);
      const [late] = await createMany(play, 1, x);

      const rekeys = await play.store.findRekeys();

      expect(rekeys).toMatchObject([{ functionId: 'fn-1', keysId: 'new' }]);
      const page = await play.store.listRuns({ ...rekeys[0]!, runsMax: 10, withEvents: false });
      expect(page.runs.map(({ runId }) => runId)).toEqual([late]);
    });

    test('a run that is scheduled under other keys while the last page is under way is found', async ({ play }) => {
      await play.setFunction({ keysId: 'old' });
      const [runId] = await createMany(play, 1, x);
      await giveKeys(play, 'new', { version: 2 });
      const page = await play.store.listRuns({ functionId: 'fn-1', after: 0, runsMax: 10, withEvents: false });
      await createMany(play, 1, x);

      const runs = [{ runId: runId!, keys: y }];
      await play.store.rekey({ functionId: 'fn-1', keysId: 'new', from: 0, after: page.after, isLast: true, runs });

      expect(await play.store.findRekeys()).toMatchObject([{ after: page.after }]);
      await rekeyAll(play, () => y);
    });

    test('a run that was scheduled under other keys and has ended since keeps nobody busy', async ({ play }) => {
      await play.setFunction({ keysId: 'new' });
      await play.complete(await play.start({ keys: x, keysId: 'old' }));
      expect(await play.store.findRekeys()).toMatchObject([{ functionId: 'fn-1', keysId: 'new' }]);
      const [{ after: from } = { after: 0 }] = await play.store.findRekeys();

      await play.store.rekey({ functionId: 'fn-1', keysId: 'new', from, after: from, isLast: true, runs: [] });

      expect(await play.store.findRekeys()).toEqual([]);
    });

    test('runs that are gone, and those of other functions, are passed over', async ({ play }) => {
      await play.setFunction({ keysId: 'old' });
      await giveKeys(play, 'new', { version: 2 });
      const ended = await play.startAndComplete({ keys: x });
      const other = await play.create({ functionId: 'fn-2', keys: x });

      const runs = [other, ended, 'never-there'].map((runId) => ({ runId, keys: y }));
      await play.withoutTrace(() =>
        play.store.rekey({ functionId: 'fn-1', keysId: 'new', from: 0, after: 0, isLast: false, runs }),
      );
    });
  });

  describe('keying runs anew', () => {
    test('a backlog that one key held back goes on under many', async ({ play }) => {
      await play.setFunction({ keyed: [1], keysId: 'old' });
      await createMany(play, 5, x);
      await play.claimOne();
      await giveKeys(play, 'new', { version: 2, keyed: [1] });

      await rekeyAll(play, (runId) => ({ keyed: [runId] }), 2);

      expect(await play.claim()).toHaveLength(4);
    });

    test('a backlog of many keys goes one by one under a single one, in its order', async ({ play }) => {
      await play.setFunction({ keyed: [1], keysId: 'old' });
      const waiting: string[] = [];
      for (let i = 0; i < 4; i++) {
        waiting.push(await play.create({ keys: { keyed: [`k${i}`] }, priority: i % 2 === 0 ? 0 : 100, keysId: 'old' }));
        await play.clock.advanceBy(1);
      }
      await giveKeys(play, 'new', { version: 2, keyed: [1] });
      await rekeyAll(play, () => x);
      const order: string[] = [];

      for (let i = 0; i < 4; i++) {
        const job = await play.claimOne();
        order.push(job.run.runId);
        await play.complete(job);
      }

      expect(order).toEqual([waiting[1], waiting[3], waiting[0], waiting[2]]);
    });

    test('what is in progress holds the new counters until it ends, even beyond their limit', async ({ play }) => {
      await play.setFunction({ keyed: [1, 5], keysId: 'old' });
      for (const key of ['a', 'b', 'c']) await createMany(play, 2, { keyed: [key, 'both'] });
      const jobs = await play.claim();
      expect(jobs).toHaveLength(3);
      await giveKeys(play, 'new', { version: 2, keyed: [1, 5] });

      await rekeyAll(play, () => ({ keyed: ['all', 'both'] }));

      for (const job of jobs) {
        expect(await play.claim()).toEqual([]);
        await play.complete(job);
      }
      await play.complete(await play.claimOne());
      await play.claimOne();
    });

    test('a chain that has gone beyond the limit of its new key ends', async ({ play }) => {
      await play.setFunction({ keyed: [1], keysId: 'old' });
      for (const key of ['a', 'b']) await createMany(play, 1, { keyed: [key] });
      const [first, second] = await play.claim();
      const chain = { token: 't1', leaseMs: LEASE_MS, knownStack: 1 };
      const { next } = (await play.advance(first!, { saves: [save('s')], chain })) as { next?: ClaimedJob };
      expect(next).toBeDefined();
      await giveKeys(play, 'new', { version: 2, keyed: [1] });
      await rekeyAll(play, () => x);

      const result = await play.advance(next!, {
        saves: [save('t')],
        chain: { token: 't2', leaseMs: LEASE_MS, knownStack: 2 },
      });

      expect(result).toEqual({ kind: 'advanced', hasReady: true });
      expect(await play.claim()).toEqual([]);
      await play.complete(second!);
      await play.claimOne();
    });

    test.for([
      ['keyed', x, y],
      ['run-level', { run: 'x' }, { run: 'y' }],
    ] as const)('who waits for a %s counter that a run leaves is woken', async ([, before, after], { play }) => {
      await play.setFunction({ keyed: [1], run: 1, keysId: 'old' });
      await play.setFunction({ functionId: 'fn-2', keyed: [1], run: 1 });
      await createMany(play, 1, before);
      await play.claimOne();
      const [waiting] = await createMany(play, 1, before, 'fn-2');
      expect(await play.claim()).toEqual([]);
      await giveKeys(play, 'new', { version: 2, keyed: [1], run: 1 });

      await rekeyAll(play, () => after);

      expect((await play.claimOne()).run.runId).toBe(waiting);
    });

    test('a started run holds the counter of its new run-level key, asleep or not', async ({ play }) => {
      await play.setFunction({ run: 1, keysId: 'old' });
      const [asleep, waiting, other] = await createMany(play, 3, { run: 'r' });
      await play.plan(await play.claimOne(), [sleep('s', play.clock.now() + 60_000)]);
      expect(await play.claim()).toEqual([]);
      await giveKeys(play, 'new', { version: 2, run: 1 });

      await rekeyAll(play, (runId) => ({ run: runId === other ? 'q' : `q-${runId === asleep ? asleep : ''}` }));
      expect(runIdsOf(await play.claim())).toEqual([waiting, other].toSorted());
      await giveKeys(play, 'newest', { version: 3, run: 1 });
      await rekeyAll(play, () => ({ run: 'one' }));
      const last = await play.create({ keys: { run: 'one' }, keysId: 'newest' });

      for (const runId of [waiting, other, asleep]) {
        expect(await play.claim()).toEqual([]);
        await play.store.finalize({ runId: runId!, status: 'Cancelled' });
      }
      expect((await play.claimOne()).run.runId).toBe(last);
    });

    test('a start waits for the bucket of its new throttle key', async ({ play }) => {
      const throttle = { limit: 1, burst: 0, periodMs: 60_000 };
      await play.setFunction({ throttle, keysId: 'old' });
      await createMany(play, 3, { throttle: 't' });
      await play.claimOne();
      expect(await play.claim()).toEqual([]);
      await giveKeys(play, 'new', { version: 2, throttle });

      await rekeyAll(play, (runId) => ({ throttle: runId }));

      expect(await play.claim()).toHaveLength(2);
    });

    test('keys may go, and come', async ({ play }) => {
      await play.setFunction({ keyed: [1], run: 1, keysId: 'old' });
      await createMany(play, 3, { keyed: ['x'], run: 'r' });
      const first = await play.claimOne();
      await giveKeys(play, 'none', { version: 2 });
      await rekeyAll(play, () => ({}));
      expect(await play.claim()).toHaveLength(2);

      await giveKeys(play, 'some', { version: 3, keyed: [3], run: 3 });
      await rekeyAll(play, () => ({ keyed: ['x'], run: 'r' }));
      await play.create({ keys: { keyed: ['x'], run: 'r' }, keysId: 'some' });
      expect(await play.claim()).toEqual([]);
      await play.complete(first);

      await play.claimOne();
    });

    test('a lost lease and a retry go on under the new keys', async ({ play }) => {
      await play.setFunction({ keyed: [1], keysId: 'old' });
      await createMany(play, 2, x);
      const [job] = await play.claim();
      await giveKeys(play, 'new', { version: 2, keyed: [1] });
      await rekeyAll(play, () => y);

      await play.store.retry({ lease: lease(job!), notBefore: play.clock.now(), reason: 'failure' });
      const again = await play.claimOne();
      expect(again.run.runId).toBe(job!.run.runId);
      await play.clock.advanceBy(LEASE_MS);

      expect((await play.claimOne()).run.runId).toBe(job!.run.runId);
    });

    test('runs of a paused function are moved, and go on when it is active again', async ({ play }) => {
      await play.setFunction({ keyed: [1], keysId: 'old' });
      await createMany(play, 3, x);
      await play.store.setFunctionState('fn-1', 'paused');
      await giveKeys(play, 'new', { version: 2, keyed: [1] });
      await rekeyAll(play, (runId) => ({ keyed: [runId] }));
      expect(await play.claim()).toEqual([]);

      await play.store.setFunctionState('fn-1', 'active');

      expect(await play.claim()).toHaveLength(3);
    });

    test('more jobs of a run than one operation moves are all moved', async ({ play }) => {
      await play.setFunction({ concurrency: 5000, keyed: [5000], keysId: 'old' });
      await play.store.setAccountConcurrency('account-1', 5000);
      const job = await play.start({ keys: x, keysId: 'old' });
      const steps = Array.from({ length: 900 }, (_, i) => run(`h${i}`));
      await play.plan(job, steps, { limits: { stepsMax: 2000, stateBytesMax: 1_000_000 } });
      const leased = await play.claim(10);
      await giveKeys(play, 'new', { version: 2, concurrency: 5000, keyed: [20] });

      await rekeyAll(play, () => y);

      expect(leased).toHaveLength(10);
      expect(await play.claim()).toHaveLength(10);
      await play.setFunction({ version: 3, concurrency: 5000, keyed: [5000] });
      let claimed = 0;
      for (let jobs = await play.claim(); jobs.length > 0; jobs = await play.claim()) claimed += jobs.length;
      expect(claimed).toBe(880);
    });
  });
}
