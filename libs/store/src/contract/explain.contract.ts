import { describe, expect } from 'vitest';
import type { WaitReason } from '../store.ts';
import { ACCOUNT, run, sleep, storeTest, wait, type OpenStore, type Player } from './player.ts';

/** What the only job of the run waits for. */
async function reasonOf(play: Player, runId: string): Promise<WaitReason> {
  const waits = await play.withoutTrace(() => play.store.explainRun(runId));
  expect(waits).toHaveLength(1);
  return waits![0]!.waitsFor;
}

export function describeExplain(open: OpenStore): void {
  const test = storeTest(open);

  describe('why a run waits', () => {
    test('nobody knows a run that is not there', async ({ play }) => {
      const ended = await play.startAndComplete();

      expect(await play.store.explainRun('run-none')).toBeUndefined();
      expect(await play.store.explainRun(ended)).toBeUndefined();
    });

    test('what is in progress waits for nothing, what is not due for its time', async ({ play }) => {
      const job = await play.start();
      const now = play.clock.now();
      expect(await play.store.explainRun(job.run.runId)).toEqual([
        {
          ...(await play.store.findJob(job.jobId)),
          waitsFor: { kind: 'nothing' },
          ahead: 0,
        },
      ]);
      await play.plan(job, [run('r'), sleep('s', now + 10), wait('w', { expiresAt: now + 20 })]);

      const waits = await play.store.explainRun(job.run.runId);

      expect(waits?.map(({ target, kind, waitsFor }) => [target, kind, waitsFor])).toEqual([
        ['r', 'edge', { kind: 'turn' }],
        ['s', 'sleep', { kind: 'time', until: now + 10 }],
        ['w', 'timeout', { kind: 'time', until: now + 20 }],
      ]);
    });

    test('a start in the future waits for its time', async ({ play }) => {
      const until = play.clock.now() + 1000;

      expect(await reasonOf(play, await play.create({ notBefore: until }))).toEqual({ kind: 'time', until });
    });

    test('its function is paused', async ({ play }) => {
      const runId = await play.create();
      await play.store.setFunctionState('fn-1', 'paused');

      expect(await reasonOf(play, runId)).toEqual({ kind: 'paused' });
    });

    test('its account is full, which counts before its function', async ({ play }) => {
      await play.setFunction({ concurrency: 2 });
      await play.store.setAccountConcurrency(ACCOUNT, 2);
      const [first, second] = [await play.start(), await play.start()];
      const runId = await play.create();
      await play.claim();

      const reason = await reasonOf(play, runId);

      const holders = [first, second].map((job) => job.run.runId);
      const held = { limit: 2, held: 2, holders };
      expect(reason).toEqual({ kind: 'capacity', constraint: 'account', key: ACCOUNT, ...held });
      await play.store.setAccountConcurrency(ACCOUNT, 3);
      expect(await reasonOf(play, runId)).toEqual({ kind: 'capacity', constraint: 'function', key: 'fn-1', ...held });
      await play.setFunction({ concurrency: 3, version: 2 });
      expect(await reasonOf(play, runId)).toEqual({ kind: 'turn' });
    });

    test('the bucket of its throttle is empty, until it has a token', async ({ play }) => {
      await play.setFunction({ throttle: { limit: 2, burst: 0, periodMs: 6000 }, keyed: [1] });
      const keys = { throttle: 'bucket', keyed: ['k'] };
      const first = play.clock.now();
      await play.complete(await play.start({ keys }));
      await play.start({ keys });
      const runId = await play.create({ keys });

      expect(await reasonOf(play, runId)).toEqual({ kind: 'throttle', key: 'bucket', until: first + 3000 });
      await play.clock.advanceBy(3000);

      expect(await reasonOf(play, runId)).toMatchObject({ kind: 'capacity', constraint: 'keyed', slot: 0 });
    });

    test('a keyed counter is full, whoever holds it', async ({ play }) => {
      await play.setFunction({ keyed: [5, 1] });
      await play.setFunction({ functionId: 'fn-2', keyed: [1] });
      const holder = await play.start({ functionId: 'fn-2', keys: { keyed: ['shared'] } });
      const runId = await play.create({ keys: { keyed: ['own', 'shared'] } });

      expect(await reasonOf(play, runId)).toEqual({
        kind: 'capacity',
        constraint: 'keyed',
        slot: 1,
        key: 'shared',
        limit: 1,
        held: 1,
        holders: [holder.run.runId],
      });
    });

    test('runs in progress are full, by one that sleeps', async ({ play }) => {
      await play.setFunction({ run: 1 });
      const holder = await play.start({ keys: { run: 'level' } });
      await play.plan(holder, [sleep('s', play.clock.now() + 1000)]);
      const runId = await play.create({ keys: { run: 'level' } });

      expect(await reasonOf(play, runId)).toEqual({
        kind: 'capacity',
        constraint: 'run',
        key: 'level',
        limit: 1,
        held: 1,
        holders: [holder.run.runId],
      });
    });

    test('of many that hold a counter, ten runs are named, each once', async ({ play }) => {
      await play.setFunction({ concurrency: 14 });
      const wide = await play.start();
      await play.plan(
        wide,
        Array.from({ length: 3 }, (_, i) => run(`h${i}`)),
      );
      for (let i = 0; i < 11; i++) await play.create();
      expect(await play.claim()).toHaveLength(14);
      const runId = await play.create();

      const reason = await reasonOf(play, runId);

      expect(reason).toMatchObject({ limit: 14, held: 14 });
      const { holders } = reason as Extract<WaitReason, { kind: 'capacity' }>;
      expect(new Set(holders).size).toBe(10);
      expect(holders).toHaveLength(10);
    });

    test('the place in the line is that of its lane, by priority and age', async ({ play }) => {
      await play.setFunction({ concurrency: 1, keyed: [1] });
      await play.start();
      const runIds: string[] = [];
      for (const priority of [0, 0, 600]) {
        runIds.push(await play.create({ keys: { keyed: ['k'] }, priority }));
        await play.clock.advanceBy(1);
      }
      runIds.push(await play.create({ keys: { keyed: ['other'] } }));

      const waits = await Promise.all(runIds.map((runId) => play.store.explainRun(runId)));

      expect(waits.map((jobs) => jobs?.[0]?.ahead)).toEqual([1, 2, 0, 0]);
    });
  });
}
