import { assert } from '@perdure/domain';
import {
  startRedisCluster,
  startRedisSentinels,
  type StartedRedisDeployment,
  type StartedService,
} from '@perdure/testing/services';
import { describeWithService } from '@perdure/testing/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import { cellPrefix } from '../../operations/keys.ts';
import type { ScheduleArgs, Store } from '../../store.ts';
import { hashSlot } from './hash-slot.ts';
import { openRedisCells, type RedisCellsOptions } from './redis-store.ts';

const CELLS = 4;

describeWithService('redis', 'a cluster', () => {
  let cluster: StartedRedisDeployment;
  let cells: Store[];

  beforeAll(async () => {
    cluster = await started(startRedisCluster());
    cells = await openRedisCells({ url: cluster.url, cells: CELLS });
  });
  afterAll(async () => {
    await closeAll(cells);
    await cluster.stop();
  });

  test('the slot of a cell is the one that Redis computes', async () => {
    const admin = anAdmin(cluster.servers[0]);

    for (const cell of ['c0', 'c1', 'c15', 'é']) {
      expect(await admin.cluster('KEYSLOT', cellPrefix(cell))).toBe(hashSlot(cell));
    }
  });

  test('cells live on several primaries, each of which has the operations and the data of its own', async () => {
    await Promise.all(cells.map((cell, number) => cell.schedule(aScheduling(`run-${number}`))));

    const runs = await Promise.all(cells.map((cell) => cell.counts().then((counts) => counts.runs)));
    const keys = await Promise.all(cluster.servers.slice(0, 3).map((server) => anAdmin(server).dbsize()));
    expect(runs).toEqual([1, 1, 1, 1]);
    expect(keys.filter((count) => count > 0).length).toBeGreaterThan(1);
    expect((await Promise.all(cells.map((cell) => cell.checkInvariants()))).flat()).toEqual([]);
  });

  test('the cells of a cluster are counted, too', async () => {
    await expect(openRedisCells({ url: cluster.url, cells: CELLS - 1 })).rejects.toMatchObject({
      code: 'STORE_CELLS_DIFFER',
    });
  });

  test('operations wait while the slot of their cell is migrated, and then find everything in its new place', async () => {
    const number = cellOn(1);
    const [source, target] = [anAdmin(cluster.servers[1]), anAdmin(cluster.servers[2])];
    const [sourceId, targetId] = [await source.cluster('MYID'), await target.cluster('MYID')];
    const slot = hashSlot(`c${number}`);
    const before = await cells[number]?.counts();
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
    let isAnswered = false;

    const counting = cells[number]?.counts().finally(() => {
      isAnswered = true;
    });
    const keys = await source.cluster('GETKEYSINSLOT', slot, 1000);
    const { port = 0 } = target.options;
    for (const key of keys) {
      await source.call('MIGRATE', '127.0.0.1', port, '', 0, 1000, 'KEYS', key);
    }
    expect(isAnswered).toBe(false);
    await target.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
    await source.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);

    expect(await counting).toEqual(before);
  });

  test('after the death of a primary its replica goes on: repeated operations answer as before', async () => {
    const number = cellOn(0);
    const cell = cells[number];
    assert(cell !== undefined, 'the cell is open');
    await cell.schedule(aScheduling('run-failover'));
    const claim = { workerId: 'worker', claimId: 'claim-failover', jobsMax: 10, leaseMs: 60_000 };
    const claimed = await cell.claim(claim);
    const epoch = await cell.epoch();
    await allReplicated(cluster.servers[0]);

    await kill(cluster.servers[0], 'SIGKILL');
    const again = await cell.claim(claim);

    expect(again.jobs).toEqual(claimed.jobs);
    expect(await cell.schedule(aScheduling('run-failover'))).toEqual({ kind: 'created', runId: 'run-failover' });
    expect(await cell.epoch()).not.toBe(epoch);
    expect(await cell.checkInvariants()).toEqual([]);
  });

  /** A cell whose slot the primary has at the start: slots are shared out in order. */
  function cellOn(primary: number): number {
    const number = cells.findIndex((_, index) => Math.floor((hashSlot(`c${index}`) * 3) / 16_384) === primary);
    assert(number >= 0, 'each primary has a cell');
    return number;
  }
});

describeWithService('redis', 'a primary behind sentinels', () => {
  test('after its death its replica goes on: repeated operations answer as before', async () => {
    const sentinels = await started(startRedisSentinels());
    const [cell] = await someCells({ url: sentinels.url, cells: 2, waitReplicas: 1 });
    const claim = { workerId: 'worker', claimId: 'claim-1', jobsMax: 1, leaseMs: 60_000 };
    await cell.schedule(aScheduling('run-1'));
    const claimed = await cell.claim(claim);
    await cell.durable();
    const epoch = await cell.epoch();

    await kill(sentinels.servers[0], 'SIGKILL');
    const again = await cell.claim(claim);

    expect(again.jobs).toEqual(claimed.jobs);
    expect(await cell.schedule(aScheduling('run-1'))).toEqual({ kind: 'created', runId: 'run-1' });
    expect(await cell.epoch()).not.toBe(epoch);
    expect(await cell.checkInvariants()).toEqual([]);
    await sentinels.stop();
  });
});

/** Waits until the replica has everything that the primary has. */
async function allReplicated(primary: StartedService | undefined): Promise<void> {
  await anAdmin(primary).wait(1, 5_000);
}

async function kill(server: StartedService | undefined, signal: NodeJS.Signals): Promise<void> {
  const info = await anAdmin(server).info('server');
  process.kill(Number(/process_id:(\d+)/.exec(info)?.[1]), signal);
}

function anAdmin(server: StartedService | undefined): Redis {
  const admin = new Redis(server?.url ?? '');
  admin.on('error', () => {});
  onTestFinished(() => admin.disconnect());
  return admin;
}

async function someCells(options: RedisCellsOptions): Promise<[Store, ...Store[]]> {
  const [first, ...others] = await openRedisCells(options);
  assert(first !== undefined, 'there is a cell');
  onTestFinished(() => closeAll([first, ...others]));
  return [first, ...others];
}

async function closeAll(cells: Store[]): Promise<void> {
  await Promise.all(cells.map((cell) => cell.close()));
}

async function started<Service extends { kind: 'started' }>(
  starting: Promise<Service | { kind: 'unavailable'; reason: string }>,
) {
  const service = await starting;
  assert(service.kind === 'started', 'this test needs Redis', {
    ...(service.kind !== 'started' && { reason: service.reason }),
  });
  return service;
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
