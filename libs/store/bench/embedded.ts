/**
 * What the embedded store costs, single-threaded: `node --conditions perdure-source libs/store/bench/embedded.ts`.
 * Prints operations a second and microseconds each; "at rest" is one caller, "batched" 64 at once.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from '../src/drivers.ts';
import type { ClaimedJob, ScheduleArgs, Store } from '../src/index.ts';

const LEASE_MS = 30_000;
const LIMITS = { stepsMax: 10_000, stateBytesMax: 32 * 1024 * 1024 };
const MEMO = JSON.stringify({ data: { text: 'x'.repeat(100) } });
const META = JSON.stringify({ about: 'y'.repeat(200) });
const EVENTS = JSON.stringify([{ name: 'bench/event', data: { text: 'z'.repeat(200) } }]);

let serial = 0;
const unique = (): string => String(++serial).padStart(10, '0');

function aRun(functionId = 'fn-0'): ScheduleArgs {
  const id = unique();
  return {
    runId: `01RUN${id}`,
    functionId,
    accountId: 'account',
    envId: 'env',
    appId: 'app',
    functionVersion: 1,
    dedupKey: `event-${id}`,
    notBefore: 0,
    priority: 0,
    keys: {},
    attemptsMax: 4,
    events: EVENTS,
    meta: META,
    publishesEnd: true,
  };
}

function claim(store: Store, jobsMax: number): Promise<ClaimedJob[]> {
  const args = { workerId: 'bench', claimId: unique(), jobsMax, leaseMs: LEASE_MS };
  return store.claim(args).then((result) => result.jobs);
}

/** One run of `steps` sequential steps, each committed with the next job chained. */
async function playRun(store: Store, job: ClaimedJob, steps: number): Promise<void> {
  let current = job;
  for (let step = 0; step < steps; step++) {
    const result = await store.advance({
      runId: current.run.runId,
      lease: current,
      saves: [{ hash: `step-${step}`, memo: MEMO, isRace: false }],
      plans: [],
      requestVersion: 2,
      isParallel: false,
      discover: false,
      attemptsMax: 4,
      limits: LIMITS,
      chain: { token: unique(), leaseMs: LEASE_MS, knownStack: step + 1 },
    });
    const next = result.kind === 'advanced' ? (result.next ?? (await claim(store, 1))[0]) : undefined;
    if (next === undefined) throw new Error(`the run did not go on: ${result.kind}`);
    current = next;
  }
  await store.finalize({ runId: current.run.runId, lease: current, status: 'Completed', output: 'null' });
}

async function drain(store: Store): Promise<void> {
  for (;;) {
    const last = (await store.readOutbox(1000)).at(-1);
    if (last === undefined) return;
    await store.ackOutbox(last);
  }
}

/** Wall time and, since machines are shared, what the event loop's thread computed. */
async function measure(name: string, operations: number, work: () => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const cpuBefore = process.threadCpuUsage();
  await work();
  const wallUs = (performance.now() - startedAt) * 1000;
  const { user, system } = process.threadCpuUsage(cpuBefore);
  const perSecond = Math.round((operations / wallUs) * 1_000_000);
  const columns = [
    `${perSecond}/s`,
    `${(wallUs / operations).toFixed(1)} µs`,
    `${((user + system) / operations).toFixed(1)} µs CPU`,
  ];
  console.log(name.padEnd(48) + columns.map((column) => column.padStart(14)).join(''));
}

async function inParallel(width: number, count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: width }, worker));
}

const folder = mkdtempSync(join(tmpdir(), 'perdure-bench-'));
const store = await openEmbeddedStore({
  path: folder,
  clock: { now: () => Date.now(), schedule: () => () => undefined },
});
const wholeRun = (steps: number) => async (): Promise<void> => {
  await store.schedule(aRun());
  const job = (await claim(store, 1))[0];
  if (job) await playRun(store, job, steps);
};

await inParallel(64, 3000, wholeRun(5));
await drain(store);
for (const round of ['first', 'second']) {
  console.log(`-- ${round} round`);
  await measure('schedule + claim + finalize, at rest', 2000, () => inParallel(1, 2000, wholeRun(0)));
  await measure('schedule + claim + finalize, batched', 10_000, () => inParallel(64, 10_000, wholeRun(0)));
  await drain(store);
  await measure('run of 100 chained steps, at rest: a step', 5000, () => inParallel(1, 50, wholeRun(100)));
  await measure('run of 100 chained steps, batched: a step', 64_000, () => inParallel(64, 640, wholeRun(100)));
  await drain(store);
  await measure('schedule of a backlog of 50,000', 50_000, () =>
    inParallel(64, 50_000, async () => {
      await store.schedule(aRun(`fn-${serial % 50}`));
    }),
  );
  await measure('claim of that backlog by 32, and finalize', 50_000, async () => {
    for (;;) {
      const jobs = await claim(store, 32);
      if (jobs.length === 0) return;
      await Promise.all(
        jobs.map((job) => store.finalize({ runId: job.run.runId, lease: job, status: 'Completed', output: 'null' })),
      );
    }
  });
  await measure('read and acknowledge its outbox: an entry', 150_000, () => drain(store));
}
console.log(`resident memory ${Math.round(process.memoryUsage().rss / 1024 / 1024)} MiB`);
await store.close();
rmSync(folder, { recursive: true });
