import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { JsonObject } from '@perdure/domain';
import { completed, failed, ops, runCompleteOp, type ScriptedCall, stepHash, stepRunOp } from '@perdure/testing';
import { describe, expect, test, type TestContext } from 'vitest';

import { type Fixture, Tally, useServer } from './harness/fixture.ts';

const system = useServer({ args: ['--retry-interval', '1'] });

function deferAddOp(stepId: string, functionSlug: string, input: JsonObject, meta?: JsonObject) {
  return {
    op: 'DeferAdd',
    id: stepHash(stepId),
    name: stepId,
    displayName: stepId,
    opts: { fn_slug: functionSlug, input, ...(meta !== undefined && { meta }) },
    data: null,
  };
}

function deferAbortOp(stepId: string) {
  const id = stepHash(`${stepHash(stepId)}:abort`);
  return { op: 'DeferAbort', id, opts: { target_hashed_id: stepHash(stepId) }, data: null };
}

/** What a call tells of deferred runs. */
function defersIn(call: ScriptedCall): JsonObject {
  return (JSON.parse(call.rawBody) as { defers: JsonObject }).defers;
}

/** Events that scheduled deferred runs of this run. */
async function scheduledBy(fixture: Fixture, runId: string): Promise<JsonObject[]> {
  await fixture.observer.fence();
  const stored = await fixture.api.request('GET', '/v1/events?name=inngest/deferred.schedule&limit=100');
  const events = stored.body['data'] as JsonObject[];
  return events.filter((event) => {
    const { _inngest } = event['data'] as { _inngest: JsonObject };
    return _inngest['parent_run_id'] === runId;
  });
}

describe('deferred runs', () => {
  test.concurrent('[P73] are told by later calls, add no discovery, and are scheduled once when the run ends', async (ctx) => {
    const ran = Promise.withResolvers<JsonObject>();
    const app = await system.scriptedApp(
      ctx,
      'p73-app',
      {
        id: 'parent',
        script: (call) => {
          if (stepHash('s') in call.steps) return ops(runCompleteOp('done'));
          return ops(stepRunOp('s', 1), deferAddOp('d', 'p73-app-p73', { n: 7 }), deferAddOp('off', 'p73-app-p73', {}));
        },
      },
      {
        id: 'p73',
        triggers: [{ event: 'inngest/deferred.schedule', expression: "event.data._inngest.fn_slug == 'p73-app-p73'" }],
        script: (call) => {
          ran.resolve(call.event as unknown as JsonObject);
          return completed('later');
        },
      },
    );

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/parent' }));
    expect(await ran.promise).toMatchObject({
      name: 'inngest/deferred.schedule',
      data: { _inngest: { fn_slug: 'p73-app-p73', parent_fn_slug: 'p73-app-parent', parent_run_id: run.run_id } },
    });

    expect(run.output).toBe('done');
    const calls = app.calls().filter(({ slug }) => slug === 'p73-app-parent');
    // One op beside lazy ones is a step alone: no plan follows.
    expect(calls.map((call) => [call.ctx.disable_immediate_execution, defersIn(call)])).toEqual([
      [false, {}],
      [false, { [stepHash('d')]: { abortable: true }, [stepHash('off')]: { abortable: true } }],
    ]);
    expect(await scheduledBy(system, run.run_id)).toHaveLength(2);
  });

  test.concurrent('[P73] one that is called off is not scheduled, and later calls know it', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'off-app', {
      id: 'off',
      script: (call) => {
        const done = call.ctx.stack.stack.length;
        if (done === 0) return ops(stepRunOp('a', 1), deferAddOp('d', 'x-y', {}), deferAddOp('e', 'x-y', { e: 1 }));
        return done === 1 ? ops(stepRunOp('b', 2), deferAbortOp('d')) : ops(runCompleteOp(null));
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/off' }));

    expect(defersIn(app.calls().at(-1) as ScriptedCall)).toEqual({
      [stepHash('d')]: { abortable: false },
      [stepHash('e')]: { abortable: true },
    });
    expect(await scheduledBy(system, run.run_id)).toMatchObject([{ data: { e: 1 } }]);
  });

  test.concurrent('[P73] they are scheduled whatever the end: failed, cancelled, and with the answer that ends the run', async (ctx) => {
    await system.scriptedApp(
      ctx,
      'ends-app',
      {
        id: 'fails',
        script: (call) =>
          stepHash('s') in call.steps
            ? failed('no', { isRetriable: false })
            : ops(stepRunOp('s', 1), deferAddOp('d', 'x-y', { of: 'failed' })),
      },
      { id: 'completes', script: () => ops(deferAddOp('d', 'x-y', { of: 'completed' }), runCompleteOp('done')) },
      {
        id: 'cancelled',
        script: () =>
          ops(deferAddOp('d', 'x-y', { of: 'cancelled' }), {
            op: 'Sleep',
            id: stepHash('nap'),
            name: '1h',
            opts: {},
            data: null,
          }),
      },
    );

    const runOf = async (id: string) => system.api.waitForRun(await system.api.sendOne({ name: `test/${id}` }));
    const sleeping = await system.api.waitForRun(await system.api.sendOne({ name: 'test/cancelled' }), {
      isWanted: ({ status }) => status === 'Running',
    });
    const [failedRun, completedRun] = await Promise.all([runOf('fails'), runOf('completes')]);
    expect((await system.api.request('DELETE', `/v1/runs/${sleeping.run_id}`)).status).toBeLessThan(300);
    const cancelledRun = await system.api.waitForEnd(sleeping.run_id);

    for (const run of [failedRun, completedRun, cancelledRun]) {
      expect(await scheduledBy(system, run.run_id)).toMatchObject([{ data: { of: run.status.toLowerCase() } }]);
    }
  });

  test.concurrent('beyond 20 a run, 4 MiB in all, or 32 KiB of meta they are dropped with a warning; the run goes on', async (ctx) => {
    const many = Array.from({ length: 25 }, (_, i) => deferAddOp(`d${i}`, 'x-y', { i }));
    const large = [
      deferAddOp('large', 'x-y', { text: 'x'.repeat(3 * 1024 * 1024) }),
      deferAddOp('too-large', 'x-y', { text: 'y'.repeat(2 * 1024 * 1024) }),
      deferAddOp('meta', 'x-y', {}, { m: 'x'.repeat(33 * 1024) }),
    ];
    const app = await system.scriptedApp(
      ctx,
      'limits-app',
      {
        id: 'many',
        script: (call) => (stepHash('s') in call.steps ? ops(runCompleteOp('done')) : ops(stepRunOp('s', 1), ...many)),
      },
      {
        id: 'large',
        script: (call) => (stepHash('s') in call.steps ? ops(runCompleteOp('done')) : ops(stepRunOp('s', 1), ...large)),
      },
    );

    const [first, second] = await Promise.all(
      ['many', 'large'].map(async (id) => system.api.waitForRun(await system.api.sendOne({ name: `test/${id}` }))),
    );

    expect([first?.status, second?.status]).toEqual(['Completed', 'Completed']);
    const last = (slug: string) => app.calls().findLast((call) => call.slug === slug) as ScriptedCall;
    expect(Object.keys(defersIn(last('limits-app-many')))).toHaveLength(20);
    expect(defersIn(last('limits-app-large'))).toEqual({ [stepHash('large')]: { abortable: true } });
    await system.server.waitForLog('a deferred run was dropped');
    expect(await scheduledBy(system, first?.run_id ?? '')).toHaveLength(20);
  });

  test.concurrent('[P73] defer of the real SDK, checkpointed: its function runs once with its data and its parent', async (ctx) => {
    const bodies = new Tally();
    const told = Promise.withResolvers<{ data: unknown; parents: unknown }>();
    const [{ Inngest }, { createDefer }, { serve }] = await Promise.all([
      import('inngest'),
      import('inngest/experimental'),
      import('inngest/node'),
    ]);
    const client = new Inngest({ id: 'real-defer', baseUrl: system.server.url, isDev: true });
    const later = createDefer(client, { id: 'later' }, (context) => {
      const { event, parents } = context as unknown as { event: { data: unknown }; parents: unknown };
      bodies.hit('later');
      told.resolve({ data: event.data, parents });
    });
    const parent = client.createFunction({ id: 'parent', triggers: { event: 'real-defer/go' } }, async (context) => {
      const { step } = context;
      const { defer } = context as unknown as { defer: (id: string, options: object) => void };
      defer('score', { function: later, data: { n: 7 } });
      await step.run('a', () => bodies.hit('a'));
      await step.sleep('nap', '1s');
      return step.run('b', () => bodies.hit('b'));
    });
    const url = await listen(ctx, serve({ client, functions: [parent, later] }));
    expect((await fetch(url, { method: 'PUT' })).status).toBe(200);

    const { ids } = await client.send({ name: 'real-defer/go' });
    const run = await system.api.waitForRun(ids[0] ?? '');
    const { data, parents } = await told.promise;

    expect(run.status).toBe('Completed');
    expect(data).toEqual({ n: 7 });
    expect(JSON.stringify(parents)).toContain(run.run_id);
    await system.observer.fence();
    expect(bodies.counts).toEqual({ a: 1, b: 1, later: 1 });
  });
});

/** Serves on loopback until the test ends; answers the serve URL. */
async function listen(ctx: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  ctx.onTestFinished(() => {
    server.closeAllConnections();
    return new Promise((resolve) => void server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/inngest`;
}
