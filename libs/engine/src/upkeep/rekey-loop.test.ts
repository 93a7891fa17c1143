import type { FlowControl, FunctionDefinition } from '@perdure/domain';
import type { ClaimedJob } from '@perdure/store';
import { aFlowControl, aFunction, anEvent } from '@perdure/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { handleEvent } from '../event/handle-event.ts';
import { openEmbeddedPorts } from '../test/embedded-ports.ts';
import { explainRun } from '../control/explain-run.ts';
import { RekeyLoop } from './rekey-loop.ts';

const RUNS = 300;
const LIMIT_OF_KEY = 2;
const LIMIT = 15;

function aLimited(key: string, version: number, flow: Partial<FlowControl> = {}): FunctionDefinition {
  const concurrency = [
    { limit: LIMIT_OF_KEY, scope: 'fn' as const, key },
    { limit: LIMIT, scope: 'fn' as const },
  ];
  return aFunction({ version, flow: aFlowControl({ concurrency, ...flow }) });
}

async function startPlay() {
  const { ports, cell, clock, register } = await openEmbeddedPorts();
  const loop = new RekeyLoop(ports, 0);
  onTestFinished(() => loop.stop());
  let claims = 0;
  return {
    ports,
    cell,
    clock,
    loop,
    register,
    sync: async (fn: FunctionDefinition): Promise<void> => {
      await register(fn);
      await cell.setFunction(ports.catalog.limitsOf(fn));
    },
    schedule: async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        await handleEvent(ports, anEvent({ data: { a: `a${i % 3}`, b: `b${i % 10}` } }));
      }
    },
    claim: async (jobsMax = 50): Promise<ClaimedJob[]> => {
      const { jobs } = await cell.claim({ workerId: 'w', claimId: `c${++claims}`, jobsMax, leaseMs: 600_000 });
      return jobs;
    },
    finish: async ({ run: { runId }, jobId, token }: ClaimedJob): Promise<void> => {
      expect(await cell.finalize({ runId, lease: { jobId, token }, status: 'Completed', output: 'null' })).toBe(
        'finalized',
      );
    },
    isDone: async (): Promise<boolean> => (await cell.findRekeys()).length === 0,
  };
}

/** How many of these jobs have each value of the field in their event. */
function countBy(jobs: Iterable<ClaimedJob>, field: 'a' | 'b'): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { state } of jobs) {
    const [event] = JSON.parse(state?.events ?? '[]') as { data: Record<string, string> }[];
    const value = event?.data[field] ?? '';
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

test('a backlog follows its function to other keys: none is lost, limits hold, what is in progress counts for the new ones', async () => {
  const { cell, loop, sync, schedule, claim, finish, isDone } = await startPlay();
  await sync(aLimited('event.data.a', 1));
  await schedule(RUNS);
  const underway = new Map((await claim()).map((job) => [job.jobId, job]));
  expect([...countBy(underway.values(), 'a').values()]).toEqual([2, 2, 2]);
  /** Started before all runs had their new keys: what of them is in progress may exceed the new limits until it ends. */
  const early = new Set<string>();

  await sync(aLimited('event.data.b', 2));
  loop.start();
  const finishSome = async (): Promise<number> => {
    const jobs = [...underway.values()].slice(0, 5);
    for (const job of jobs) {
      await finish(job);
      underway.delete(job.jobId);
      early.delete(job.jobId);
    }
    return jobs.length;
  };
  const claimMore = async (): Promise<void> => {
    for (const job of await claim()) underway.set(job.jobId, job);
    expect(underway.size).toBeLessThanOrEqual(LIMIT);
  };
  let ended = 0;
  // Work goes on while runs are moved.
  const work = async (): Promise<void> => {
    await claimMore();
    ended += await finishSome();
  };
  await expect.poll(async () => (await work(), isDone()), { timeout: 20_000 }).toBe(true);

  for (const jobId of underway.keys()) early.add(jobId);
  const most: number[] = [];
  for (let round = 0; round < RUNS && ended < RUNS; round += 1) {
    await claimMore();
    if (early.size === 0) most.push(...countBy(underway.values(), 'b').values());
    ended += await finishSome();
  }
  expect(ended).toBe(RUNS);
  expect(Math.max(...most)).toBe(LIMIT_OF_KEY);
  expect(await cell.counts()).toMatchObject({ runs: 0, ready: 0, leased: 0 });
  expect(await cell.checkInvariants()).toEqual([]);
});

test('keys are evaluated on the events of the run: what waits under one value is told by the new expression', async () => {
  const { ports, cell, loop, sync, schedule, claim, isDone } = await startPlay();
  await sync(aLimited('event.data.a', 1));
  await schedule(30);
  await sync(aLimited('event.data.b', 2));
  loop.start();
  await expect.poll(isDone).toBe(true);

  const jobs = await claim();

  // Ten values with two places each, capped by the function.
  expect(jobs).toHaveLength(LIMIT);
  expect(Math.max(...countBy(jobs, 'b').values())).toBe(LIMIT_OF_KEY);
  const { runs } = await cell.listRuns({ functionId: aFunction().id, after: 0, runsMax: 100, withEvents: false });
  const last = await explainRun(ports, runs.at(-1)?.runId ?? '');
  expect(last?.waitingFor).toMatchObject([{ constraint: 'function-concurrency', capacity: { held: LIMIT } }]);
});

test('keys that change again while runs are moved: the newest hold', async () => {
  const { loop, sync, schedule, claim, isDone } = await startPlay();
  await sync(aLimited('event.data.a', 1));
  await schedule(RUNS);

  loop.start();
  await sync(aLimited('event.data.b', 2));
  await sync(aLimited('"one"', 3));
  await expect.poll(isDone, { timeout: 20_000 }).toBe(true);

  expect(await claim()).toHaveLength(LIMIT_OF_KEY);
});

test('a loop that is stopped halfway is followed by one that goes on', async () => {
  const { ports, loop, sync, schedule, claim, isDone } = await startPlay();
  await sync(aLimited('event.data.a', 1));
  await schedule(RUNS);
  await sync(aLimited('"one"', 2));

  loop.start();
  await loop.stop();
  expect(await isDone()).toBe(false);
  const next = new RekeyLoop(ports, 0);
  next.start();
  try {
    await expect.poll(isDone, { timeout: 20_000 }).toBe(true);
  } finally {
    await next.stop();
  }

  expect(await claim()).toHaveLength(LIMIT_OF_KEY);
});

test('runs wait for this process to know the expressions that the store has', async () => {
  const { ports, cell, loop, sync, register, schedule, claim, isDone } = await startPlay();
  await sync(aLimited('event.data.a', 1));
  await schedule(10);
  const newer = aLimited('"one"', 2);
  loop.start();
  // Another process was first.
  const { keysId } = await limitsElsewhere(newer);
  await cell.setFunction({ ...ports.catalog.limitsOf(newer), keysId });
  expect(await isDone()).toBe(false);

  await register(newer);

  await expect.poll(isDone).toBe(true);
  expect(await claim()).toHaveLength(LIMIT_OF_KEY);
});

async function limitsElsewhere(fn: FunctionDefinition): Promise<{ keysId: string }> {
  const { ports, register } = await openEmbeddedPorts();
  await register(fn);
  return { keysId: ports.catalog.limitsOf(fn).keysId ?? '' };
}

test('at rest the store is asked once a minute; when functions have changed often for a while', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { cell, loop, clock, register } = await startPlay();
  let asked = 0;
  cell.findRekeys = async () => ((asked += 1), []);
  const askedWithin = async (ms: number): Promise<number> => {
    const before = asked;
    await vi.advanceTimersByTimeAsync(ms);
    return asked - before;
  };

  loop.start();
  await askedWithin(59_000);
  expect(asked).toBe(1);
  expect(await askedWithin(120_000)).toBe(2);
  await register(aFunction());
  expect(await askedWithin(5_000)).toBe(10);
  await clock.advanceBy(10_000);
  await askedWithin(1_000);
  expect(await askedWithin(120_000)).toBe(2);
});
