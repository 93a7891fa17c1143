import { createHash, randomBytes, randomUUID } from 'node:crypto';

import { assert } from '@perdure/domain';
import { startPrivateRedis, type StartedService } from '@perdure/testing/services';
import { describeWithService } from '@perdure/testing/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { ScheduleArgs, Store } from '../../store.ts';
import { openRedisCells } from './redis-store.ts';

const RUNS = 1000;
const BYTES_MAX = 1024;
/** What a key takes in the table of keys, which is not told by the key: two pointers when that is half empty. */
const PLACE_BYTES = 16;

const functionId = randomUUID();
const [accountId, envId, appId] = [randomUUID(), randomUUID(), randomUUID()];

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

/** As the engine schedules it (libs/engine/src/run/plan-run.ts). */
function aRun(serial: number, more: Partial<ScheduleArgs>): ScheduleArgs {
  const id = `01K0000000000000000000${String(serial).padStart(4, '0')}`;
  const event = {
    id,
    name: 'shop/order.placed',
    data: { order: serial, customer: randomUUID() },
    ts: 1_760_000_000_000,
  };
  return {
    runId: id,
    functionId,
    accountId,
    envId,
    appId,
    functionVersion: 3,
    dedupKey: hash(id),
    notBefore: 0,
    priority: 0,
    keys: {},
    keysId: hash(functionId),
    attemptsMax: 4,
    events: JSON.stringify([event]),
    meta: JSON.stringify({ eventIds: [id] }),
    publishesEnd: true,
    ...more,
  };
}

function aTrace(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}

describeWithService('redis', 'memory of a backlog', () => {
  let server: StartedService;
  let admin: Redis;

  beforeAll(async () => {
    const started = await startPrivateRedis();
    assert(started.kind === 'started', 'the suite runs only where Redis starts');
    server = started;
    admin = new Redis(server.url);
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  /** Of all keys of the database, what they hold included. */
  async function bytesOfKeys(): Promise<number> {
    const keys = await admin.keys('*');
    const sizes = await Promise.all(keys.map((key) => admin.memory('USAGE', key, 'SAMPLES', 0)));
    return sizes.reduce<number>((sum, size) => sum + Number(size) + PLACE_BYTES, 0);
  }

  async function drainOutbox(store: Store): Promise<void> {
    for (let last = (await store.readOutbox(1000)).at(-1); last; last = (await store.readOutbox(1000)).at(-1)) {
      await store.ackOutbox(last);
    }
  }

  test.each<[string, (serial: number) => Partial<ScheduleArgs>]>([
    ['of a function', () => ({})],
    ['with a trace', (serial) => ({ meta: JSON.stringify({ eventIds: [hash(`${serial}`)], trace: aTrace() }) })],
    ['with priorities', (serial) => ({ priority: serial % 600 })],
    ['of some concurrency keys', (serial) => ({ keys: { keyed: [`fn:${hash(`${serial % 10}`)}`] } })],
  ])('a queued run %s takes less than 1 KiB beside its event', async (_, more) => {
    await admin.flushdb();
    const [store] = await openRedisCells({ url: server.url, cells: 1 });
    assert(store !== undefined, 'there is one cell');
    const runs = Array.from({ length: RUNS }, (__, serial) => aRun(serial, more(serial)));

    await Promise.all(runs.map((run) => store.schedule(run)));
    await drainOutbox(store);

    const events = runs.reduce((sum, run) => sum + Buffer.byteLength(run.events), 0);
    expect(await store.counts()).toMatchObject({ runs: RUNS, ready: RUNS, outbox: 0 });
    expect(((await bytesOfKeys()) - events) / RUNS).toBeLessThan(BYTES_MAX);
    await store.close();
  });
});
