import { assert } from '@perdure/domain';
import { startTcpProxy } from '@perdure/testing';
import { startPrivateRedis, type StartedService } from '@perdure/testing/services';
import { describeWithService } from '@perdure/testing/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';

import type { ScheduleArgs, Store } from '../../store.ts';
import { library } from './generated/library.ts';
import { RedisCell } from './redis-cell.ts';
import { openRedisNodes } from './redis-nodes.ts';
import { openRedisCells } from './redis-store.ts';
import { parseRedisUrl } from './redis-url.ts';
import { openTestCell } from './test-cells.ts';

describeWithService('redis', 'faults', () => {
  let server: StartedService;
  let admin: Redis;

  beforeAll(async () => {
    server = await aPrivateRedis(['--enable-debug-command', 'local']);
    admin = new Redis(server.url);
    admin.on('error', () => {});
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  test('a server that dies and reads its append-only file again has everything, and another epoch', async () => {
    const store = await aCell();
    await store.schedule(aScheduling('run-1'));
    const claim = { workerId: 'worker', claimId: 'claim-1', jobsMax: 1, leaseMs: 60_000 };
    const { jobs } = await store.claim(claim);
    const epoch = await store.epoch();
    expect(await store.epoch()).toBe(epoch);

    await crash(server.url);

    expect((await store.claim(claim)).jobs).toEqual(jobs);
    expect(await store.epoch()).not.toBe(epoch);
    expect(await store.checkInvariants()).toEqual([]);
  });

  test('a server that stopped is given up after a while, and used again when it goes on', async () => {
    const cell = someRawCell();
    const pid = await processOf(admin);
    await cell.send('ping', (node) => node.send((redis) => redis.ping()));

    process.kill(pid, 'SIGSTOP');
    const startedAt = performance.now();
    const calling = cell.send('ping', (node) => node.send((redis) => redis.ping()));

    await expect(calling).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    process.kill(pid, 'SIGCONT');
    expect(await cell.send('ping', (node) => node.send((redis) => redis.ping()))).toBe('PONG');
  });

  test('a connection that became half open is replaced, and the operation answers as if it was not', async () => {
    const proxy = await startTcpProxy({ to: server.url });
    onTestFinished(() => proxy.stop());
    const store = await openTestCell(proxy.through(server.url));
    onTestFinished(() => store.close());
    await store.schedule(aScheduling('run-1'));

    const before = await connectionsOf(admin);

    proxy.halfOpen('down');
    const claiming = store.claim({ workerId: 'worker', claimId: 'claim-1', jobsMax: 1, leaseMs: 60_000 });
    await vi.waitUntil(async () => (await connectionsOf(admin)) > before, { timeout: 8_000 });
    await proxy.heal();

    expect((await claiming).jobs).toMatchObject([{ run: { runId: 'run-1' } }]);
    expect(await store.counts()).toMatchObject({ leased: 1, ready: 0 });
  });

  test('while a server is silent, a bounded number of commands waits for it', async () => {
    const cell = someRawCell();
    const pid = await processOf(admin);
    const ping = () => cell.send('ping', (node) => node.send((redis) => redis.ping()));
    await ping();

    process.kill(pid, 'SIGSTOP');
    const waiting = Array.from({ length: 20_000 }, ping);
    const refused = ping();

    await expect(refused).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: /too many/i });
    process.kill(pid, 'SIGCONT');
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['PONG']));
  });

  test('a wrong password is reported at once, without it', async () => {
    const closed = await aPrivateRedis(['--requirepass', 'right']);
    const { host } = new URL(closed.url);

    const opening = openRedisCells({ url: `redis://:not-so-secret@${host}`, cells: 1 });

    const error: unknown = await opening.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'STORE_FAILED', message: /WRONGPASS/ });
    expect(JSON.stringify(error)).not.toContain('not-so-secret');
    await closeAll(await openRedisCells({ url: `redis://:right@${host}`, cells: 1 }));
    await closed.stop();
  });

  test('the number of cells is fixed by the first who opens them', async () => {
    const options = { url: server.url, keyPrefix: 'counted:' };
    await closeAll(await openRedisCells({ ...options, cells: 4 }));

    await expect(openRedisCells({ ...options, cells: 1 })).rejects.toMatchObject({
      code: 'STORE_CELLS_DIFFER',
      message: /has 4 cells/,
    });
    await closeAll(await openRedisCells({ ...options, cells: 4 }));
  });

  test('cells are apart, and the connections are closed with the last of them', async () => {
    const cells = await openRedisCells({ url: server.url, cells: 3, keyPrefix: 'apart:' });
    const [first, second, third] = cells;
    assert(first !== undefined && second !== undefined && third !== undefined, 'there are three cells');
    await first.schedule(aScheduling('run-1'));
    await first.close();
    await first.close();

    expect(await second.counts()).toMatchObject({ runs: 0 });
    await second.close();
    expect(await third.counts()).toMatchObject({ runs: 0 });
    await third.close();
    await expect(third.counts()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });

  test('who loads the operations removes versions that nobody used for a day, and no other', async () => {
    const [unused, used, unmarked, foreign] = [
      'perdure_000000000001',
      'perdure_000000000002',
      'perdure_000000000003',
      'x',
    ];
    const store = await aCell('library:');
    const marks = 'library:pd-libraries:{c0}';
    const [now = 0] = await admin.time();
    await store.counts();
    for (const name of [unused, used, unmarked, foreign]) await admin.function('LOAD', aLibrary(name));
    await admin.hset(marks, { [unused]: now - 90_000, [used]: now - 80_000 });
    await admin.function('DELETE', library.name);

    await store.counts();

    const left = JSON.stringify(await admin.function('LIST'));
    expect([unused, used, unmarked, foreign, library.name].map((name) => left.includes(`"${name}"`))).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(Object.keys(await admin.hgetall(marks)).toSorted()).toEqual([used, unmarked, library.name].toSorted());
  });

  async function aCell(keyPrefix?: string): Promise<Store> {
    const store = await openTestCell(server.url, keyPrefix === undefined ? {} : { keyPrefix });
    onTestFinished(() => store.close());
    return store;
  }

  /** A cell that repeats nothing. */
  function someRawCell(): RedisCell {
    const nodes = openRedisNodes(parseRedisUrl(server.url));
    onTestFinished(() => nodes.close());
    return new RedisCell({ name: 'c0', nodes, patienceMs: 0 });
  }
});

async function aPrivateRedis(settings: string[]): Promise<StartedService> {
  const redis = await startPrivateRedis(settings);
  assert(redis.kind === 'started', 'this test needs a Redis');
  return redis;
}

/** The server executes itself anew, as after a kill -9. */
async function crash(url: string): Promise<void> {
  // A client that connects again would send the command again.
  const client = new Redis(url, { retryStrategy: () => null });
  await expect(client.call('DEBUG', 'CRASH-AND-RECOVER')).rejects.toThrow('Connection is closed');
}

async function processOf(admin: Redis): Promise<number> {
  return Number(/process_id:(\d+)/.exec(await admin.info('server'))?.[1]);
}

/** Made since it started. */
async function connectionsOf(admin: Redis): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);
}

async function closeAll(cells: Store[]): Promise<void> {
  await Promise.all(cells.map((cell) => cell.close()));
}

function aLibrary(name: string): string {
  return `#!lua name=${name}\nredis.register_function('${name}', function() return 1 end)`;
}

function aScheduling(runId: string): ScheduleArgs {
  return {
    runId,
    functionId: 'function',
    accountId: 'account',
    envId: 'env',
    appId: 'app',
    functionVersion: 1,
    dedupKey: `event of ${runId}`,
    notBefore: 0,
    priority: 0,
    keys: {},
    attemptsMax: 4,
    events: '[]',
    meta: '{}',
    publishesEnd: true,
  };
}
