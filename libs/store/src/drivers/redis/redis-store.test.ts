import { join } from 'node:path';
import { inspect } from 'node:util';

import { assert } from '@perdure/domain';
import { startPrivateRedis, type StartedService } from '@perdure/testing/services';
import { describeWithService } from '@perdure/testing/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { describeStore } from '../../store.contract.ts';
import type { ScheduleArgs, Store } from '../../store.ts';
import { compileLibrary } from './build/compile-library.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { library } from './generated/library.ts';
import { RedisCell } from './redis-cell.ts';
import { RedisLibrary } from './redis-library.ts';
import { openRedisNodes } from './redis-nodes.ts';
import { parseRedisUrl } from './redis-url.ts';
import { openTestCell, TestCells } from './test-cells.ts';

describeWithService('redis', 'the contract', ({ url }) => {
  const cells = new TestCells(url);
  afterAll(() => cells.close());

  describeStore('redis', (options) => cells.open(options));
});

describeWithService('redis', 'what is special to the Redis driver', () => {
  let server: StartedService;
  let admin: Redis;

  beforeAll(async () => {
    server = await aPrivateRedis();
    admin = new Redis(server.url);
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  async function withStore(url: string, use: (store: Store) => Promise<void>): Promise<void> {
    const store = await openTestCell(url);
    try {
      await use(store);
    } finally {
      await store.close();
    }
  }

  test('operations take the time of the server', async () => {
    await withStore(server.url, async (store) => {
      const [seconds] = await admin.time();

      await store.schedule(aScheduling('run-1'));

      const run = await store.findRun('run-1');
      expect(run?.scheduledAt).toBeGreaterThanOrEqual(Number(seconds) * 1000);
      expect(run?.scheduledAt).toBeLessThan(Number(seconds) * 1000 + 60_000);
    });
  });

  test('a server that lost the operations is given them again', async () => {
    await withStore(server.url, async (store) => {
      await store.schedule(aScheduling('run-1'));
      await admin.function('FLUSH');

      expect(await store.schedule(aScheduling('run-2'))).toEqual({ kind: 'created', runId: 'run-2' });
      expect(await store.counts()).toMatchObject({ runs: 2, ready: 2 });
    });
  });

  test('an operation whose reply was lost is repeated with the same arguments and changes nothing more', async () => {
    const proxy = await startCuttingProxy(Number(new URL(server.url).port));
    await withStore(`redis://127.0.0.1:${proxy.port}`, async (store) => {
      await store.schedule(aScheduling('run-1'));
      await store.schedule(aScheduling('run-2'));
      proxy.cutNextReply();

      const claimed = await store.claim({ workerId: 'worker', claimId: 'claim-1', jobsMax: 1, leaseMs: 30_000 });

      expect(proxy.lostReplies()).toBe(1);
      expect(claimed.jobs.map((job) => job.run.runId)).toEqual(['run-1']);
      expect(await store.counts()).toMatchObject({ leased: 1, ready: 1 });
    });
    await proxy.close();
  });

  test('concurrent operations that lose their connection together each come to their end once', async () => {
    const proxy = await startCuttingProxy(Number(new URL(server.url).port));
    await withStore(`redis://127.0.0.1:${proxy.port}`, async (store) => {
      await store.counts();
      proxy.cutNextReply();

      const runIds = Array.from({ length: 50 }, (_, index) => `run-${index}`);
      const results = await Promise.all(runIds.map((runId) => store.schedule(aScheduling(runId))));

      expect(proxy.lostReplies()).toBe(1);
      expect(results).toEqual(runIds.map((runId) => ({ kind: 'created', runId })));
      expect(await store.counts()).toMatchObject({ runs: 50, ready: 50 });
      expect(await store.checkInvariants()).toEqual([]);
    });
    await proxy.close();
  });

  test('bodies of four megabytes come back byte for byte', async () => {
    const events = JSON.stringify(['é\u0000€😀"\\'.repeat(300_000)]);
    await withStore(server.url, async (store) => {
      await store.schedule({ ...aScheduling('run-1'), events });

      const { jobs } = await store.claim({ workerId: 'worker', claimId: 'claim-1', jobsMax: 1, leaseMs: 30_000 });

      expect(jobs[0]?.state?.events === events).toBe(true);
    });
  });

  test('two versions of the operations run side by side', async () => {
    const other = compileLibrary(join(import.meta.dirname, 'lua/tx-player-library.ts'));
    const nodes = openRedisNodes(parseRedisUrl(server.url));
    const player = new RedisLibrary({ cell: new RedisCell({ name: 'other', nodes }), library: other });
    await withStore(server.url, async (store) => {
      await store.schedule(aScheduling('run-1'));
      await player.call('play', [{ command: 'set', key: 'name', value: 'value' }]);

      expect(await player.call('play', [{ command: 'get', key: 'name' }])).toEqual([{ answer: 'value' }]);
      expect(await store.findRun('run-1')).toMatchObject({ status: 'Scheduled' });
    });
    await nodes.close();
  });

  test('the library that is loaded was made of the operations as they are, and is made the same each time', () => {
    const compiled = compileLibrary(join(import.meta.dirname, 'lua/library.ts'));

    expect(library.name, 'run `npm run build:lua` in libs/store').toBe(compiled.name);
  });

  test('a server that may evict run state is refused', async () => {
    const evicting = await aPrivateRedis(['--maxmemory-policy', 'allkeys-lru']);

    await expect(openTestCell(evicting.url)).rejects.toMatchObject({
      code: 'STORE_EVICTS',
      message: expect.stringContaining('noeviction'),
    });
    await evicting.stop();
  });

  test('a full server refuses operations, and none is done by half', async () => {
    const full = await aPrivateRedis(['--maxmemory', '6mb']);
    await withStore(full.url, async (store) => {
      const fill = async () => {
        for (let run = 0; run < 50; run += 1) {
          await store.schedule({ ...aScheduling(`run-${run}`), events: JSON.stringify('x'.repeat(200_000)) });
        }
      };

      await expect(fill()).rejects.toMatchObject({ code: 'STORE_FULL' });

      expect(await store.checkInvariants()).toEqual([]);
    });
    await full.stop();
  });

  test('a server that does not answer is reported, without what was sent to it', async () => {
    const gone = await aPrivateRedis();
    const nodes = openRedisNodes(parseRedisUrl(gone.url));
    const cell = new RedisCell({ name: 'c0', nodes, patienceMs: 100 });
    await cell.send('ping', (node) => node.send((redis) => redis.ping()));
    await gone.stop();

    const sending = cell.send('echo', (node) => node.send((redis) => redis.echo('a secret')));

    const error: unknown = await sending.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', facts: { operation: 'echo' } });
    expect(inspect(error)).not.toContain('a secret');
    await nodes.close();
  });
});

async function aPrivateRedis(settings: string[] = []): Promise<StartedService> {
  const redis = await startPrivateRedis(settings);
  assert(redis.kind === 'started', 'this test needs a Redis');
  return redis;
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
