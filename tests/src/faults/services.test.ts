import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { completed, ops, startScriptedApp, stepHash, stepRunOp } from '@perdure/testing';
import { startPrivateRedis, startRedisSentinels } from '@perdure/testing/services';
import { describe, expect, test } from 'vitest';

import { functionsOf, mixedEvent } from '../harness/audit/audited-functions.ts';
import { expectPromisesKept, startAuditor } from '../harness/audit/auditor.ts';
import { startLoad } from '../harness/audit/load.ts';
import { asStarted } from '../harness/backing-services.ts';
import { startCluster } from '../harness/cluster.ts';
import { freePort } from '../harness/free-port.ts';
import { until } from '../harness/poll.ts';
import { downtimeMs, pass, seed, seeded } from '../harness/seed.ts';

/** Without waiting for replicas that have not got everything yet: as when the machine dies. */
async function shutDownAtOnce(redis: URL | undefined): Promise<void> {
  await once(sendToRedis(redis, 'SHUTDOWN NOSAVE NOW FORCE'), 'close');
}

async function tellRedis(redis: URL | undefined, command: string): Promise<void> {
  const socket = sendToRedis(redis, command);
  const [answer] = await once(socket, 'data');
  socket.destroy();
  expect(String(answer)).toMatch(/^\+OK/);
}

function sendToRedis(redis: URL | undefined, command: string): Socket {
  const socket = connect(Number(redis?.port), redis?.hostname ?? '');
  socket.write(`${command}\r\n`);
  return socket;
}

const TIMEOUT = { timeout: 600_000 };

describe('a service that is down', () => {
  test(
    `[E133] Redis is killed and restarted with its append-only file under load: no run is stuck, each ends once (PERDURE_SEED=${seed})`,
    TIMEOUT,
    async (ctx) => {
      const ids = seeded();
      const cluster = await startCluster(ctx);
      const auditor = await startAuditor(ctx);
      await auditor.register(cluster.url);
      const load = startLoad(cluster.api, 60, mixedEvent);

      for (let i = 0; i < 3; i += 1) {
        await pass('quiet', 1_000 + ids.random() * 1_500);
        await cluster.services.redis.kill();
        await pass('the outage', ids.random() * downtimeMs(20_000, 3_000));
        await cluster.services.redis.start();
      }
      await pass('quiet', 1_000);

      await expectPromisesKept(auditor, cluster.api, await load.stop(), { waitMs: 300_000 });
    },
  );

  test.for([0, 1])(
    `[E134] Redis fails over to its replica under load, %i replicas waited for: no run is stuck, each ends once (PERDURE_SEED=${seed})`,
    TIMEOUT,
    async (waitReplicas, ctx) => {
      const sentinels = asStarted(await startRedisSentinels());
      ctx.onTestFinished(() => sentinels.stop());
      const args = ['--redis-wait-replicas', String(waitReplicas)];
      const cluster = await startCluster(ctx, { redisUrl: sentinels.url, args });
      const auditor = await startAuditor(ctx);
      await auditor.register(cluster.url);
      const load = startLoad(cluster.api, 60, mixedEvent);
      await pass('quiet', 1_000 + seeded().random() * 2_000);

      const [primary, replica] = sentinels.servers.map(({ url }) => new URL(url));
      await shutDownAtOnce(primary);
      // The one that takes over needs a replica of its own, where one is waited for.
      const next = asStarted(await startPrivateRedis(['--replicaof', '127.0.0.1', replica?.port ?? '']));
      ctx.onTestFinished(() => next.stop());
      const before = (await auditor.report()).runs;
      await until(
        'runs to end on the other Redis',
        async () => (await auditor.report()).runs > before + 50 || undefined,
        { waitMs: 60_000 },
      );

      await expectPromisesKept(auditor, cluster.api, await load.stop(), { waitMs: 300_000 });
    },
  );

  test(
    `[E134] Redis fails over and has lost its last second of writes: each event still has its runs, and they end (PERDURE_SEED=${seed})`,
    TIMEOUT,
    async (ctx) => {
      const sentinels = asStarted(await startRedisSentinels());
      ctx.onTestFinished(() => sentinels.stop());
      const cluster = await startCluster(ctx, { redisUrl: sentinels.url });
      const auditor = await startAuditor(ctx);
      await auditor.register(cluster.url);
      const load = startLoad(cluster.api, 60, mixedEvent);
      await pass('quiet', 1_000 + seeded().random() * 2_000);

      const [primary, replica] = sentinels.servers.map(({ url }) => new URL(url));
      // Nobody is there: it gets nothing more from its primary, and stays as it is.
      await tellRedis(replica, `REPLICAOF 127.0.0.1 ${await freePort()}`);
      await pass('writes that will be lost', 1_000);
      await shutDownAtOnce(primary);
      const before = (await auditor.report()).runs;
      await until(
        'runs to end on the other Redis',
        async () => (await auditor.report()).runs > before + 50 || undefined,
        { waitMs: 60_000 },
      );

      await expectPromisesKept(auditor, cluster.api, await load.stop(), { waitMs: 300_000, hasLostWrites: true });
    },
  );

  test(
    '[E135] NATS is down: events are refused with 503, runs go on, and what they have to tell is told afterwards',
    TIMEOUT,
    async (ctx) => {
      const cluster = await startCluster(ctx, { runners: 1, executors: 1 });
      const auditor = await startAuditor(ctx);
      await auditor.register(cluster.url);
      const isDown = Promise.withResolvers<void>();
      const calledWhileDown: string[] = [];
      const app = await startScriptedApp({
        name: 'running',
        functions: [
          {
            id: 'running',
            script: async (call) => {
              await isDown.promise;
              const next = ['a', 'b', 'c'].find((id) => !(stepHash(id) in call.steps));
              if (next !== undefined) return ops(stepRunOp(next, 'done'));
              calledWhileDown.push(call.runId);
              return completed('through');
            },
          },
        ],
      });
      ctx.onTestFinished(() => app.stop());
      await app.register(cluster.url);
      const eventId = await cluster.api.sendOne({ name: 'test/running' });
      await app.waitForCalls(1);
      const load = startLoad(cluster.api, 50, mixedEvent);
      await pass('quiet', 1_000);

      await cluster.services.nats.kill();
      isDown.resolve();
      const during = await until('the first refusal', async () => {
        const answer = await cluster.api.postEvents([{ name: 'audit/one' }]);
        return answer.status === 200 ? undefined : answer;
      });
      const downSince = performance.now();
      await until('the run to come to its end without NATS', () => calledWhileDown[0]);
      await pass('the outage', downtimeMs(30_000, 5_000) - (performance.now() - downSince));
      const refused = await cluster.api.postEvents([{ name: 'audit/one' }]);
      const acknowledgedBefore = load.acknowledged.length;
      await cluster.services.nats.start();

      expect(during.status).toBe(503);
      expect(refused.status).toBe(503);
      await until('events to be taken again', () => load.acknowledged.length > acknowledgedBefore || undefined);
      expect(await cluster.api.waitForRun(eventId)).toMatchObject({ status: 'Completed', output: 'through' });
      await expectPromisesKept(auditor, cluster.api, await load.stop());
      expect(Object.keys(load.answers).toSorted()).toEqual(['200', '503']);
    },
  );

  test(
    '[E136] Postgres is down: events are taken, runs go on and end; afterwards history has all of it, once',
    TIMEOUT,
    async (ctx) => {
      const cluster = await startCluster(ctx, { runners: 2, executors: 1 });
      const auditor = await startAuditor(ctx);
      await auditor.register(cluster.url);
      const load = startLoad(cluster.api, 40, mixedEvent);
      await until('a first run', async () => (await auditor.report()).runs > 0 || undefined);

      await cluster.services.postgres.kill();
      const duringAt = performance.now();
      const before = load.acknowledged.length;
      await until('events to be taken without Postgres', () => load.acknowledged.length > before + 50 || undefined);
      await auditor.waitForEnds(load.acknowledged.slice(0, before + 50), 30_000);
      await pass('the outage', downtimeMs(60_000, 6_000) - (performance.now() - duringAt));
      await cluster.services.postgres.start();
      const acknowledged = await load.stop();
      await expectPromisesKept(auditor, cluster.api, acknowledged);

      expect(Object.keys(load.answers)).toEqual(['200']);
      for (const { id, name } of acknowledged) {
        const count = functionsOf(name).length;
        expect(await cluster.api.waitForRuns(id, count), id).toHaveLength(count);
      }
    },
  );

  test('frozen services: nothing answers for a while, and everything goes on', TIMEOUT, async (ctx) => {
    const cluster = await startCluster(ctx, { runners: 1, executors: 1 });
    const auditor = await startAuditor(ctx);
    await auditor.register(cluster.url);
    const load = startLoad(cluster.api, 40, mixedEvent);

    for (const name of ['redis', 'nats', 'postgres'] as const) {
      await pass('quiet', 1_000);
      cluster.services[name].freeze();
      await pass('the freeze', downtimeMs(30_000, 3_000));
      cluster.services[name].thaw();
    }
    await pass('quiet', 1_000);

    await expectPromisesKept(auditor, cluster.api, await load.stop());
  });
});
