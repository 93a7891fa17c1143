import {
  completes,
  invokeOp,
  ops,
  runCompleteOp,
  startScriptedApp,
  stepHash,
  stepPlannedOp,
  stepRunOp,
} from '@perdure/testing';
import { expect, test } from 'vitest';

import { startCluster } from '../harness/cluster.ts';
import { Observer } from '../harness/observer.ts';

/** A lease, and the calls that follow. */
const AGAIN_MS_MAX = 60_000;

test(
  '[E82] everybody dies between the wait of an invoke and the start of what it invoked: it starts all the same, once',
  { timeout: 180_000 },
  async (ctx) => {
    const cluster = await startCluster(ctx, { runners: 1, executors: 1 });
    const planned = Promise.withResolvers<void>();
    const app = await startScriptedApp({
      name: 'e82',
      functions: [
        { id: 'child', triggers: [], script: completes('from the child') },
        {
          id: 'parent',
          script: async (call) => {
            if (call.stepId === stepHash('beside')) return ops(stepRunOp('beside', 1));
            const memo = call.steps[stepHash('ask')];
            if (memo !== undefined) return ops(runCompleteOp(memo));
            await planned.promise;
            return ops(invokeOp('ask', { functionId: 'e82-child', data: {} }), stepPlannedOp('beside'));
          },
        },
      ],
    });
    ctx.onTestFinished(() => app.stop());
    await app.register(cluster.url);
    const observer = await Observer.start(cluster);
    ctx.onTestFinished(() => observer.stop());
    const eventId = await cluster.api.sendOne({ name: 'test/parent' });
    await app.waitForCalls(1);

    // Nobody publishes what the invoke leads to; the call of the other step shows that its wait is stored.
    for (const runner of cluster.runners) runner.freeze();
    planned.resolve();
    await app.waitForCalls(2);
    await Promise.all([...cluster.runners, ...cluster.executors].map((process) => process.kill9()));
    expect(app.calls('e82-child')).toEqual([]);
    await Promise.all([...cluster.runners, ...cluster.executors].map((process) => process.start()));

    await app.waitForCalls(1, { slug: 'e82-child', waitMs: AGAIN_MS_MAX });
    const run = await cluster.api.waitForRun(eventId, { waitMs: AGAIN_MS_MAX });
    await observer.fence();

    expect(run).toMatchObject({ status: 'Completed', output: { data: 'from the child' } });
    expect(app.calls('e82-child')).toHaveLength(1);
  },
);
