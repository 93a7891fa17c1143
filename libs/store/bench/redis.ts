/**
 * What operations cost a Redis server: `node --conditions=perdure-source bench/redis.ts [redis URL]`, without a URL on a
 * private instance. The time is the server's own, of FCALL, so that neither the client nor the machine's other work
 * shows; commands are those that an operation gives within its one call. Empties the database.
 */
import { assert } from '@perdure/domain';
import { startPrivateRedis } from '@perdure/testing/services';
import { Redis } from 'ioredis';

import { openRedisCells } from '../src/drivers/redis/redis-store.ts';
import type { ClaimedJob, ScheduleArgs, Store } from '../src/store.ts';

const LEASE_MS = 600_000;
const LIMITS = { stepsMax: 1000, stateBytesMax: 32 * 1024 * 1024 };
const MEMO = JSON.stringify({ data: { result: 'x'.repeat(100) } });
const META = JSON.stringify({ url: 'https://app.example.com/api', path: 'y'.repeat(100) });
const EVENTS = JSON.stringify([{ name: 'bench/event', data: { text: 'z'.repeat(200) } }]);
const FUNCTIONS = 10;
const RUNS = 4000;
const CALLERS = 32;
const BATCH = { kind: 'batch', key: '', eventsMax: 100, bytesMax: 10_000_000, timeoutMs: 3_600_000 } as const;
const DEBOUNCE = { kind: 'debounce', key: '', periodMs: 3_600_000 } as const;

let serial = 0;
const unique = (): string => String(++serial).padStart(10, '0');

function aRun(): ScheduleArgs {
  const id = unique();
  return {
    runId: `01RUN${id}`,
    functionId: `fn-${serial % FUNCTIONS}`,
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

async function claim(store: Store, jobsMax: number): Promise<ClaimedJob[]> {
  const result = await store.claim({ workerId: 'bench', claimId: unique(), jobsMax, leaseMs: LEASE_MS });
  return result.jobs;
}

/** Saves one step and answers the next job, which is chained five times of six and else has to be claimed. */
async function advance(store: Store, job: ClaimedJob, step: number): Promise<ClaimedJob | undefined> {
  const result = await store.advance({
    runId: job.run.runId,
    lease: job,
    saves: [{ hash: `step-${step}`, memo: MEMO, isRace: false }],
    plans: [],
    requestVersion: 2,
    isParallel: false,
    discover: false,
    attemptsMax: 4,
    limits: LIMITS,
    chain: { token: unique(), leaseMs: LEASE_MS, knownStack: step + 1 },
  });
  return result.kind === 'advanced' ? result.next : undefined;
}

async function inParallel<Item>(items: Item[], work: (item: Item) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: CALLERS }, worker));
}

/** Of the server's main thread so far, everything included. */
async function serverCpuUs(admin: Redis): Promise<number> {
  const seconds = (await admin.info('cpu')).matchAll(/used_cpu_(?:user|sys)_main_thread:([\d.]+)/g);
  return [...seconds].reduce((sum, [, value]) => sum + Number(value), 0) * 1_000_000;
}

/** Per call: time within FCALL, its commands, computing of the server's thread and of this one. */
async function measure(name: string, admin: Redis, work: () => Promise<unknown>): Promise<void> {
  await admin.config('RESETSTAT');
  const serverBefore = await serverCpuUs(admin);
  const cpuBefore = process.threadCpuUsage();
  const startedAt = performance.now();
  await work();
  const wallMs = performance.now() - startedAt;
  const cpu = process.threadCpuUsage(cpuBefore);
  const serverUs = (await serverCpuUs(admin)) - serverBefore;
  const stats = (await admin.info('commandstats')).matchAll(/cmdstat_([^:]+):calls=(\d+),usec=(\d+)/g);
  let [calls, microseconds, commands] = [0, 0, 0];
  for (const [, command = '', count, usec] of stats) {
    if (command === 'fcall') [calls, microseconds] = [Number(count), Number(usec)];
    else if (!['info', 'config|resetstat', 'ping'].includes(command)) commands += Number(count);
  }
  const columns = [
    `${calls} calls`,
    `${(microseconds / calls).toFixed(1)} µs`,
    `${(commands / calls).toFixed(1)} commands`,
    `${(serverUs / calls).toFixed(1)} µs server`,
    `${((cpu.user + cpu.system) / calls).toFixed(1)} µs client`,
    `${Math.round((calls / wallMs) * 1000)}/s`,
  ];
  console.log(name.padEnd(34) + columns.map((column) => column.padStart(16)).join(''));
}

function oneByOne(count: number): undefined[] {
  return Array.from({ length: count });
}

async function bench(url: string): Promise<void> {
  const admin = new Redis(url);
  await admin.flushall();
  const [store] = await openRedisCells({ url, cells: 1 });
  assert(store !== undefined, 'there is one cell');
  await store.setAccountConcurrency('account', RUNS);

  for (const round of ['warm-up', 'measured']) {
    console.log(`-- ${round}`);
    let jobs: ClaimedJob[] = [];
    await measure('claim of nothing', admin, () => inParallel(oneByOne(2000), () => claim(store, 10)));
    await measure('schedule', admin, () => inParallel(oneByOne(RUNS), () => store.schedule(aRun())));
    await measure('claim of one', admin, () =>
      inParallel(oneByOne(RUNS / 8), async () => jobs.push(...(await claim(store, 1)))),
    );
    await measure('claim of twenty', admin, () =>
      inParallel(oneByOne(RUNS / 40), async () => jobs.push(...(await claim(store, 20)))),
    );
    for (let left = await claim(store, 100); left.length > 0; left = await claim(store, 100)) jobs.push(...left);
    await measure('extend', admin, () => inParallel(jobs, (job) => store.extend(job, LEASE_MS)));
    for (let step = 0; step < 5; step += 1) {
      const next: ClaimedJob[] = [];
      const work = () =>
        inParallel(jobs, async (job) => {
          const chained = await advance(store, job, step);
          if (chained !== undefined) next.push(chained);
        });
      await (step === 2 ? measure('advance, the next job chained', admin, work) : work());
      jobs = next;
    }
    await measure('advance, the next job queued', admin, () => inParallel(jobs, (job) => advance(store, job, 5)));
    jobs = [];
    for (let left = await claim(store, 100); left.length > 0; left = await claim(store, 100)) jobs.push(...left);
    await measure('finalize', admin, () =>
      inParallel(jobs, (job) =>
        store.finalize({ runId: job.run.runId, lease: job, status: 'Completed', output: 'null' }),
      ),
    );
    await measure('schedule into batches of 100', admin, () =>
      inParallel(oneByOne(RUNS), () => store.schedule({ ...aRun(), buffer: BATCH })),
    );
    await measure('schedule into ten debounces', admin, () =>
      inParallel(oneByOne(RUNS), () => store.schedule({ ...aRun(), buffer: { ...DEBOUNCE, eventAt: Date.now() } })),
    );
    await measure('schedule into debounces, each its own', admin, () =>
      inParallel(oneByOne(RUNS), () =>
        store.schedule({ ...aRun(), buffer: { ...DEBOUNCE, key: unique(), eventAt: Date.now() } }),
      ),
    );
    await measure('read and acknowledge the outbox', admin, async () => {
      for (let last = (await store.readOutbox(200)).at(-1); last; last = (await store.readOutbox(200)).at(-1)) {
        await store.ackOutbox(last);
      }
    });
  }
  await store.close();
  admin.disconnect();
}

const [, , url] = process.argv;
if (url === undefined) {
  const redis = await startPrivateRedis();
  assert(redis.kind === 'started', 'without a URL, a Redis must be there to be started');
  await bench(redis.url);
  await redis.stop();
} else {
  await bench(url);
}
