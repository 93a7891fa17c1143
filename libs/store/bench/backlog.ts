/**
 * What a backlog costs a Redis server: memory of a queued run, and the time of a claim, while the backlog grows tenfold at a time.
 * `node --conditions=perdure-source bench/backlog.ts [runs at most] [shape] [appendonly yes|no]`, on a private instance; 1,000,000
 * runs of shape `functions` take about 10 minutes. Runs are as the engine plans them (libs/engine/src/run/plan-run.ts).
 *
 * "server" is the time within FCALL (`INFO latencystats`), "round trip" what one caller sees who has the machine for itself.
 * Memory is that of the data set by `used_memory`, without events; where it is, by samples of each kind of key.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { assert } from '@perdure/domain';
import { startPrivateRedis } from '@perdure/testing/services';
import { Redis } from 'ioredis';

import { openRedisCells } from '../src/drivers/redis/redis-store.ts';
import type { ClaimedJob, FunctionLimits, ScheduleArgs, Store } from '../src/store.ts';

const LEASE_MS = 600_000;
const CALLERS = 64;
const CLAIMS = 500;
const SAMPLES = 200;
const PARKING_CLAIMS = 100;
const RUNS_MAX = 1_000_000;
const KEYS = 10_000;
const UNLIMITED = 1_000_000;
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const accountId = '00000000-0000-4000-a000-000000000000';
const envId = '00000000-0000-4000-b000-000000000000';
const appId = randomUUID();

/** What the runs of a backlog have in common, and what not. */
interface Shape {
  functions: number;
  /** Concurrency keys with a limit of one. */
  keys: number;
  priorities: number;
  isTraced: boolean;
}

const SHAPES: Record<string, Shape> = {
  functions: { functions: 50, keys: 0, priorities: 0, isTraced: false },
  traced: { functions: 50, keys: 0, priorities: 0, isTraced: true },
  one: { functions: 1, keys: 0, priorities: 0, isTraced: false },
  priorities: { functions: 1, keys: 0, priorities: 600, isTraced: false },
  keys: { functions: 1, keys: KEYS, priorities: 0, isTraced: false },
};

let serial = 0;
let made = 0;

function ulid(): string {
  const random = Array.from(randomBytes(10), (byte) => ALPHABET[byte % 32]).join('');
  return `01K${String(++serial).padStart(13, '0')}${random}`;
}

function hash(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}

function aRun(shape: Shape, functionIds: string[]): ScheduleArgs {
  const [runId, eventId] = [ulid(), ulid()];
  made += 1;
  const functionId = functionIds[made % functionIds.length] ?? '';
  const event = {
    id: eventId,
    name: 'shop/order.placed',
    data: { order: serial, customer: randomUUID(), total: 99.5 },
    ts: Date.now(),
    v: '2026-01-01',
  };
  const trace = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
  return {
    runId,
    functionId,
    accountId,
    envId,
    appId,
    functionVersion: 3,
    dedupKey: hash(eventId),
    notBefore: 0,
    priority: shape.priorities === 0 ? 0 : made % shape.priorities,
    keys: shape.keys === 0 ? {} : { keyed: [`fn:${hash(functionId, String(made % shape.keys))}`] },
    keysId: hash(functionId),
    attemptsMax: 4,
    events: JSON.stringify([event]),
    meta: JSON.stringify({ eventIds: [eventId], ...(shape.isTraced && { trace }) }),
    publishesEnd: true,
  };
}

async function inParallel(count: number, work: () => Promise<unknown>): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: CALLERS }, worker));
}

async function drain(store: Store): Promise<void> {
  for (let last = (await store.readOutbox(1000)).at(-1); last; last = (await store.readOutbox(1000)).at(-1)) {
    await store.ackOutbox(last);
  }
}

async function claim(store: Store, jobsMax: number): Promise<ClaimedJob[]> {
  const result = await store.claim({ workerId: 'bench', claimId: String(++serial), jobsMax, leaseMs: LEASE_MS });
  return result.jobs;
}

function finish(store: Store, job: ClaimedJob): Promise<unknown> {
  return store.finalize({ runId: job.run.runId, lease: job, status: 'Completed', output: 'null' });
}

// ---------------------------------------------------------------------------------------------------------- memory

async function usedMemory(admin: Redis): Promise<number> {
  return Number(/used_memory_dataset:(\d+)/.exec(await admin.info('memory'))?.[1]) + (await usedByTables(admin));
}

/** The tables of the keys count as overhead of the server, but are there for them. */
async function usedByTables(admin: Redis): Promise<number> {
  const stats = (await admin.call('MEMORY', 'STATS')) as unknown[];
  const ofDatabase = stats[stats.indexOf('db.0') + 1] as unknown[];
  return Array.isArray(ofDatabase) ? Number(ofDatabase[1]) : 0;
}

function kindOf(key: string): string {
  const [kind = '', , part] = key.slice(key.indexOf(':', 4) + 1).split('|');
  return kind === 'run' && part !== undefined ? `run…${part}` : kind;
}

/** Bytes of a key of each kind, by samples, without what its place in the table of keys takes. */
async function reportKinds(admin: Redis, runs: number): Promise<void> {
  const sizes = new Map<string, { keys: number; bytes: number; encodings: Set<string> }>();
  for (let sampled = 0; sampled < SAMPLES * 20; sampled += 1) {
    const key = (await admin.randomkey()) ?? '';
    const kind = kindOf(key);
    const size = sizes.get(kind) ?? { keys: 0, bytes: 0, encodings: new Set() };
    size.keys += 1;
    size.bytes += Number(await admin.memory('USAGE', key));
    if (size.encodings.size < 3) size.encodings.add(String(await admin.object('ENCODING', key)));
    sizes.set(kind, size);
  }
  const each = (await admin.dbsize()) / (SAMPLES * 20);
  for (const [kind, { keys, bytes, encodings }] of sizes) {
    const ofRun = (bytes * each) / runs;
    const facts = `${Math.round(bytes / keys)} bytes each, ${((keys * each) / runs).toFixed(2)} a run`;
    if (ofRun >= 1)
      console.log(`    ${kind.padEnd(8)} ${Math.round(ofRun)} bytes a run (${facts}; ${[...encodings].join(', ')})`);
  }
  for (const list of ['exp', 'runs', 'due', 'lanes', 'parked']) {
    const bytes = (await admin.memory('USAGE', `pd:{c0}:${list}`, 'SAMPLES', 1000)) ?? 0;
    if (bytes > 0) console.log(`    ${list.padEnd(8)} ${Math.round(bytes / runs)} bytes a run`);
  }
}

// ------------------------------------------------------------------------------------------------------------ time

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Microseconds: of the server by its own statistics, of the round trip one at a time. */
async function time(name: string, admin: Redis, work: () => Promise<() => Promise<unknown>>): Promise<void> {
  const trips: number[] = [];
  const server: number[] = [];
  for (let i = 0; i < CLAIMS; i += 1) {
    await admin.config('RESETSTAT');
    const startedAt = performance.now();
    const after = await work();
    trips.push((performance.now() - startedAt) * 1000);
    server.push(Number(/cmdstat_fcall:calls=1,usec=(\d+)/.exec(await admin.info('commandstats'))?.[1]));
    await after();
  }
  const columns = [trips, server].map((values) => {
    const sorted = values.toSorted((a, b) => a - b);
    return `p50 ${Math.round(percentile(sorted, 0.5))}, p99 ${Math.round(percentile(sorted, 0.99))} µs`;
  });
  console.log(`  ${name.padEnd(34)} round trip ${columns[0]} · server ${columns[1]}`);
}

async function timeClaims(store: Store, admin: Redis): Promise<void> {
  for (const jobsMax of [1, 8]) {
    await time(`claim of ${jobsMax}`, admin, async () => {
      const jobs = await claim(store, jobsMax);
      assert(jobs.length === jobsMax, 'the backlog is never claimed empty');
      return () => Promise.all(jobs.map((job) => finish(store, job)));
    });
  }
}

/** Every lane is parked at its own counter: what a job that ends and a claim cost, which must get the job of the lane that was freed. */
async function timeFreedSlots(store: Store, admin: Redis, keys: number): Promise<void> {
  const leased: ClaimedJob[] = [];
  // A claim that does nothing but park full lanes answers no job.
  for (let inVain = 0; inVain < PARKING_CLAIMS; inVain += 1) {
    const jobs = await claim(store, 100);
    leased.push(...jobs);
    if (jobs.length > 0) inVain = 0;
  }
  assert(leased.length > keys / 2, 'most keys are in use', { leased: leased.length });
  console.log(`  ${(await store.counts()).parkedLanes} lanes are parked`);
  await time('end of a job that lanes wait for', admin, async () => {
    const job = leased.shift();
    assert(job !== undefined, 'something is in progress');
    await finish(store, job);
    return async () => leased.push(...(await claim(store, 1)));
  });
  await time('claim of the slot that is freed', admin, async () => {
    const job = leased.shift();
    assert(job !== undefined, 'something is in progress');
    await finish(store, job);
    await admin.config('RESETSTAT');
    const jobs = await claim(store, 1);
    assert(jobs.length === 1, 'a slot that is free is taken by the next claim');
    leased.push(...jobs);
    return () => Promise.resolve();
  });
  await Promise.all(leased.map((job) => finish(store, job)));
}

// ------------------------------------------------------------------------------------------------------------- run

async function fill(store: Store, shape: Shape, functionIds: string[], runs: number): Promise<number> {
  let bytes = 0;
  for (let left = runs; left > 0; left -= 20_000) {
    await inParallel(Math.min(left, 20_000), () => {
      const run = aRun(shape, functionIds);
      bytes += Buffer.byteLength(run.events);
      return store.schedule(run);
    });
    await drain(store);
  }
  return bytes;
}

function limitsOf(shape: Shape, functionId: string): FunctionLimits {
  const keyed = shape.keys === 0 ? [] : [1];
  return { functionId, accountId, version: 3, weight: 1, concurrency: UNLIMITED, keyed, keysId: hash(functionId) };
}

async function bench(name: string, shape: Shape, runsMax: number, appendonly: string): Promise<void> {
  const redis = await startPrivateRedis(['--appendonly', appendonly]);
  assert(redis.kind === 'started', 'a Redis must be there to be started');
  const admin = new Redis(redis.url);
  const [store] = await openRedisCells({ url: redis.url, cells: 1 });
  assert(store !== undefined, 'there is one cell');
  const functionIds = Array.from({ length: shape.functions }, () => randomUUID());
  await store.setAccountConcurrency(accountId, UNLIMITED);
  for (const functionId of functionIds) await store.setFunction(limitsOf(shape, functionId));
  // What is needed once, the buffers of the connections for one.
  await fill(store, shape, functionIds, 1000);
  const before = await usedMemory(admin);
  // So that every key has runs that wait.
  let [queued, eventBytes, target] = [0, 0, Math.max(10_000, 10 * shape.keys)];
  for (; target <= runsMax; target *= 10) {
    const startedAt = performance.now();
    eventBytes += await fill(store, shape, functionIds, target - queued);
    const rate = Math.round(((target - queued) / (performance.now() - startedAt)) * 1000);
    queued = target;
    const bytes = (await usedMemory(admin)) - before - eventBytes;
    console.log(`${name}, appendonly ${appendonly}, ${queued} queued runs`);
    console.log(
      `  ${Math.round(bytes / queued)} bytes each, and ${Math.round(eventBytes / queued)} of events; ${rate}/s scheduled`,
    );
    await reportKinds(admin, queued);
    await timeClaims(store, admin);
    if (shape.keys > 0) await timeFreedSlots(store, admin, shape.keys);
    // As many again as were taken off.
    await drain(store);
    await fill(store, shape, functionIds, queued + 1000 - (await store.counts()).runs);
  }
  await store.close();
  admin.disconnect();
  await redis.stop();
}

const [, , runsMax = String(RUNS_MAX), only = 'functions', appendonly = 'yes'] = process.argv;
const shape = SHAPES[only];
assert(shape !== undefined, `there are the shapes ${Object.keys(SHAPES).join(', ')}`);
await bench(only, shape, Number(runsMax), appendonly);
