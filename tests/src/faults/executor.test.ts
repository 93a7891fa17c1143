import { completed, ops, startScriptedApp, stepHash, stepRunOp, type ScriptedApp } from '@perdure/testing';
import { describe, expect, test, type TestContext } from 'vitest';

import { mixedEvent } from '../harness/audit/audited-functions.ts';
import { expectPromisesKept, startAuditor } from '../harness/audit/auditor.ts';
import { Ledger } from '../harness/audit/ledger.ts';
import { startLoad } from '../harness/audit/load.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { Observer, type EndEvent } from '../harness/observer.ts';
import { until } from '../harness/poll.ts';
import { pass, seed, seeded } from '../harness/seed.ts';

/** A lease of 30 s, and 5 s until its end is noticed (execution.md 7.2). */
const LEASE_MS = 30_000;
const AGAIN_MS_MAX = 40_000;

/** An application whose step answers when the test lets it, each execution with an output of its own. */
async function slowStepApp(ctx: TestContext, cluster: Cluster) {
  const executions: { attempt: number; atMs: number; answer: (output: string) => void }[] = [];
  const memos: string[] = [];
  const app: ScriptedApp = await startScriptedApp({
    name: 'slow',
    functions: [
      {
        id: 'slow',
        script: async (call) => {
          if (stepHash('b') in call.steps) return completed(call.steps[stepHash('a')] ?? null);
          if (stepHash('a') in call.steps) {
            memos.push(JSON.stringify(call.steps[stepHash('a')]));
            return ops(stepRunOp('b', null));
          }
          const answered = Promise.withResolvers<string>();
          executions.push({ attempt: call.attempt, atMs: performance.now(), answer: answered.resolve });
          return ops(stepRunOp('a', await answered.promise));
        },
      },
    ],
  });
  ctx.onTestFinished(() => app.stop());
  await app.register(cluster.url);
  return { executions, memos };
}

const TIMEOUT = { timeout: 180_000 };

describe('an executor that is gone', () => {
  test.concurrent(
    '[E129] kill -9 in the middle of a step: another executor runs it again within 40 s, as the same attempt',
    TIMEOUT,
    async (ctx) => {
      const cluster = await startCluster(ctx, { runners: 1, executors: 1 });
      const { executions } = await slowStepApp(ctx, cluster);
      const observer = await Observer.start(cluster);
      ctx.onTestFinished(() => observer.stop());
      const eventId = await cluster.api.sendOne({ name: 'test/slow' });
      await until('the step', () => executions[0]);
      await cluster.addExecutor();

      const killedAt = performance.now();
      await cluster.executors[0]?.kill9();
      const again = await until('the step again', () => executions[1], { waitMs: AGAIN_MS_MAX });
      again.answer('from the second');
      const run = await cluster.api.waitForRun(eventId);

      expect(again.atMs - killedAt).toBeLessThan(AGAIN_MS_MAX);
      expect(again.attempt).toBe(0);
      expect(run).toMatchObject({ status: 'Completed', output: { data: 'from the second' } });
      await observer.fence();
      expect(await observer.finishedOf(run.run_id)).toHaveLength(1);
      expect(executions).toHaveLength(2);
    },
  );

  test.concurrent(
    '[E130] SIGSTOP for longer than the lease: the late result is rejected, all calls are told the same memo',
    TIMEOUT,
    async (ctx) => {
      const cluster = await startCluster(ctx, { runners: 1, executors: 1, args: ['--log-level', 'debug'] });
      const { executions, memos } = await slowStepApp(ctx, cluster);
      const observer = await Observer.start(cluster);
      ctx.onTestFinished(() => observer.stop());
      const eventId = await cluster.api.sendOne({ name: 'test/slow' });
      const first = await until('the step', () => executions[0]);
      const [frozen] = cluster.executors;
      await cluster.addExecutor();

      frozen?.freeze();
      const second = await until('the step again', () => executions[1], { waitMs: AGAIN_MS_MAX });
      first.answer('late');
      frozen?.thaw();
      // It is refused before the second execution answers.
      await until('the rejection', () => cluster.log.includes('an answer came too late') || undefined);
      second.answer('in time');
      const run = await cluster.api.waitForRun(eventId);

      expect(second.atMs - first.atMs).toBeGreaterThan(LEASE_MS / 2);
      expect(run).toMatchObject({ status: 'Completed', output: { data: 'in time' } });
      expect(memos).toEqual(['{"data":"in time"}']);
      await observer.fence();
      expect(await observer.finishedOf(run.run_id)).toHaveLength(1);
      expect(executions).toHaveLength(2);
    },
  );

  test.concurrent(
    `[E131] kill -9 right after the final answers, of 100 runs: each has exactly one finished event (PERDURE_SEED=${seed})`,
    TIMEOUT,
    async (ctx) => {
      const rounds = 10;
      const runsARound = 10;
      const ids = seeded();
      const cluster = await startCluster(ctx, { runners: 1, executors: 1 });
      const ledger = new Ledger(() => ['last-last']);
      const ready = new Map<string, () => void>();
      const seen = new Set<string>();
      const app = await startScriptedApp({
        name: 'last',
        functions: [
          {
            id: 'last',
            script: async (call) => {
              if (!seen.has(call.runId)) {
                seen.add(call.runId);
                await new Promise<void>((resolve) => void ready.set(call.runId, resolve));
              }
              return completed(null);
            },
          },
          {
            id: 'finished',
            triggers: [{ event: 'inngest/function.finished' }],
            script: (call) => {
              ledger.noteFinished(call.event as EndEvent, call.runId);
              return completed(null);
            },
          },
        ],
      });
      ctx.onTestFinished(() => app.stop());
      await app.register(cluster.url);
      const [executor] = cluster.executors;

      const eventIds: string[] = [];
      for (let round = 0; round < rounds; round += 1) {
        eventIds.push(
          ...(await cluster.api.send(...Array.from({ length: runsARound }, () => ({ name: 'test/last' })))),
        );
        await until('the last calls of a round', () => ready.size === runsARound || undefined);
        for (const answer of ready.values()) answer();
        ready.clear();
        await pass('a moment', ids.random() * 20);
        await executor?.kill9();
        await executor?.start();
      }

      const acknowledged = eventIds.map((id) => ({ id, name: 'test/last' }));
      await until('the ends of all runs', () => ledger.missing(acknowledged).count === 0 || undefined, {
        waitMs: 90_000,
        describe: () => JSON.stringify(ledger.missing(acknowledged)),
      });
      // A second end of any of them would have been told before the end of what is sent now.
      const after = await cluster.api.sendOne({ name: 'test/last' });
      await until('the last call', () => ready.size === 1 || undefined);
      for (const answer of ready.values()) answer();
      await until('the last end', () => ledger.missing([{ id: after, name: 'test/last' }]).count === 0 || undefined);
      expect(ledger.report()).toMatchObject({
        runs: rounds * runsARound + 1,
        finishedTwice: [],
        ranTwice: [],
        endings: { 'last-last Completed': rounds * runsARound + 1 },
      });
    },
  );

  test.concurrent(
    `[E129][E130] executors are killed and frozen under load: nothing is lost, nothing is doubled (PERDURE_SEED=${seed})`,
    TIMEOUT,
    async (ctx) => {
      const ids = seeded();
      const cluster = await startCluster(ctx, { runners: 1, executors: 2 });
      const auditor = await startAuditor(ctx);
      await auditor.register(cluster.url);
      const load = startLoad(cluster.api, 60, mixedEvent);

      for (let i = 0; i < 4; i += 1) {
        const executor = cluster.executors[i % 2];
        await pass('quiet', 500 + ids.random() * 1_000);
        if (ids.random() < 0.5) {
          await executor?.kill9();
          await executor?.start();
        } else {
          executor?.freeze();
          await pass('the freeze', 500 + ids.random() * 2_000);
          executor?.thaw();
        }
      }

      await expectPromisesKept(auditor, cluster.api, await load.stop());
    },
  );
});
