import type { JsonObject, JsonValue } from '@perdure/domain';
import {
  completes,
  failed,
  failsThen,
  invokeOp,
  ops,
  runCompleteOp,
  sleeps,
  stepHash,
  type Script,
  type ScriptedFunction,
} from '@perdure/testing';
import { Inngest, referenceFunction } from 'inngest';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { Tally, useServer } from './harness/fixture.ts';

type Invoke = Omit<Parameters<typeof invokeOp>[1], 'data'> & { data?: JsonObject };

/** Invokes all of these at once, by step ID, until all have an outcome; ends with their memos. */
function invokes(all: Record<string, Invoke>): Script {
  return (call) => {
    const missing = Object.entries(all).filter(([id]) => !(stepHash(id) in call.steps));
    if (missing.length > 0) return ops(...missing.map(([id, invoke]) => invokeOp(id, { data: {}, ...invoke })));
    return ops(runCompleteOp(Object.fromEntries(Object.keys(all).map((id) => [id, call.steps[stepHash(id)] ?? null]))));
  };
}

/** A function that nothing triggers. */
function child(id: string, script: Script, options: Partial<ScriptedFunction> = {}): ScriptedFunction {
  return { id, triggers: [], retries: 0, script, ...options };
}

function parent(app: string, all: Record<string, Invoke>): ScriptedFunction {
  return { id: 'parent', triggers: [{ event: `${app}/go` }], retries: 2, script: invokes(all) };
}

describe('invoking a function', () => {
  const system = useServer({ args: ['--retry-interval', '1'] });

  const run = async (app: string): Promise<{ run_id: string; status: string; output?: JsonValue }> =>
    system.api.waitForRun(await system.api.sendOne({ name: `${app}/go` }));

  test.concurrent('[E74] the SDK: by the function itself and by reference; the step gives what the function returned', async (ctx) => {
    const bodies = new Tally();
    const childRuns = new Set<string>();
    const own = new Inngest({ id: 'e74', isDev: true }).createFunction({ id: 'child', triggers: [] }, () => null);
    const app = await system.sdkApp(ctx, {
      id: 'e74',
      functions: () => [
        {
          id: 'child',
          on: [],
          run: ({ event, step, runId }) => {
            childRuns.add(runId);
            return step.run('double', () => ({ call: bodies.hit('double'), got: 2 * (event.data['n'] as number) }));
          },
        },
        {
          id: 'parent',
          on: { event: 'e74/go' },
          run: async ({ step }) => {
            const first = await step.invoke('first', { function: own, data: { n: 21 } });
            const second = await step.invoke('second', {
              function: referenceFunction({ functionId: 'child' }),
              data: { n: 50 },
            });
            return { first, second };
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'e74/go' });

    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({
      status: 'Completed',
      output: { first: { call: 0, got: 42 }, second: { call: 1, got: 100 } },
    });
    expect(childRuns.size).toBe(2);
    for (const runId of childRuns) expect(await system.api.waitForEnd(runId)).toMatchObject({ status: 'Completed' });
  });

  test.concurrent('[P66] memos: result, error, timeout, unknown function', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'p66',
      child('works', completes({ list: [1, null], text: 'grüß' })),
      child('fails', () => failed('no luck', { name: 'LuckError' })),
      child('lasts', sleeps('1h')),
      parent('p66', {
        works: { functionId: 'p66-works' },
        fails: { functionId: 'p66-fails' },
        lasts: { functionId: 'p66-lasts', timeout: '1s' },
        unknown: { functionId: 'p66-nobody' },
      }),
    );

    const { output } = await run('p66');

    expect(output).toEqual({
      works: { data: { list: [1, null], text: 'grüß' } },
      fails: {
        error: {
          error: expect.any(String),
          name: 'LuckError',
          message: 'no luck',
          stack: expect.stringContaining('no luck'),
        },
      },
      lasts: {
        error: {
          error: 'InngestInvokeTimeoutError: Timed out waiting for invoked function to complete',
          name: 'InngestInvokeTimeoutError',
          message: 'Timed out waiting for invoked function to complete',
        },
      },
      unknown: { error: { name: 'Error', message: 'could not find function with ID: p66-nobody' } },
    });
    for (const call of app.calls('p66-parent')) expect(call.attempt).toBe(0);
  });

  test.concurrent('[P67] the function sees who invoked it, and its end tells the same', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'p67',
      child('child', completes('heard')),
      // Everything of the system that has an event, but none that is made for another.
      { id: 'all', triggers: [{ event: 'inngest/*' }], script: completes() },
      parent('p67', { ask: { functionId: 'p67-child', data: { n: 1, _inngest: { fn_id: 'forged' } }, timeout: '1h' } }),
    );

    const { run_id: runId } = await run('p67');

    const [call] = await app.waitForCalls(1, { slug: 'p67-child' });
    const correlationId = `${runId}.${stepHash('ask')}`;
    expect(call?.event).toMatchObject({
      name: 'inngest/function.invoked',
      data: {
        n: 1,
        _inngest: {
          fn_id: 'p67-child',
          correlation_id: correlationId,
          expire: expect.any(Number),
          gid: expect.any(String),
          name: 'ask',
          source_app_id: expect.any(String),
          source_fn_id: expect.any(String),
          source_fn_v: 1,
        },
      },
    });
    const [finished] = await system.observer.finishedOf(call?.runId ?? '');
    expect(finished?.data).toMatchObject({
      function_id: 'p67-child',
      correlation_id: correlationId,
      result: 'heard',
      _inngest: { status: 'Completed' },
    });
    await system.observer.fence();
    const seen = app.calls('p67-all').map(({ event }) => event.name);
    expect(seen).toContain('inngest/function.finished');
    expect(seen).not.toContain('inngest/function.invoked');
  });

  test.concurrent('[E75] the SDK: an error of the function is thrown by the step, once, and can be caught', async (ctx) => {
    const bodies = new Tally();
    const app = await system.sdkApp(ctx, {
      id: 'e75',
      functions: () => [
        {
          id: 'child',
          on: [],
          retries: 0,
          run: () => {
            bodies.hit('child');
            throw new RangeError('out of range');
          },
        },
        {
          id: 'parent',
          on: { event: 'e75/go' },
          run: async ({ step, attempt }) => {
            try {
              await step.invoke('ask', { function: referenceFunction({ functionId: 'child' }) });
            } catch (error) {
              return { message: (error as Error).message, attempt };
            }
            return 'not thrown';
          },
        },
        {
          id: 'careless',
          on: { event: 'e75/go' },
          retries: 3,
          run: ({ step }) => {
            bodies.hit('careless');
            return step.invoke('ask', { function: referenceFunction({ functionId: 'child' }) });
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'e75/go' });
    const runs = await system.api.waitForRuns(ids[0] ?? '', 2);

    const caught = runs.find(({ status }) => status === 'Completed');
    expect(caught?.output).toEqual({ message: 'out of range', attempt: 0 });
    const uncaught = runs.find(({ status }) => status === 'Failed');
    expect(JSON.stringify(uncaught?.output)).toContain('out of range');
    expect(bodies.counts).toEqual({ child: 2, careless: 2 });
  });

  test.concurrent('a function that is retried answers with what it came to', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'retried',
      child('child', failsThen(2, completes('at last')), { retries: 2 }),
      parent('retried', { ask: { functionId: 'retried-child' } }),
    );

    expect(await run('retried')).toMatchObject({ output: { ask: { data: 'at last' } } });
    expect(app.calls('retried-child').map(({ attempt }) => attempt)).toEqual([0, 1, 2]);
    expect(app.calls('retried-parent')).toHaveLength(2);
  });

  test.concurrent('[E76] the SDK: after its timeout the step fails, and the function goes on', async (ctx) => {
    const bodies = new Tally();
    let childRun = '';
    const app = await system.sdkApp(ctx, {
      id: 'e76',
      functions: () => [
        {
          id: 'child',
          on: [],
          run: async ({ step, runId }) => {
            childRun = runId;
            await step.sleep('long', '4s');
            return step.run('end', () => bodies.hit('end'));
          },
        },
        {
          id: 'parent',
          on: { event: 'e76/go' },
          run: async ({ step }) => {
            const from = await step.run('from', () => Date.now());
            try {
              await step.invoke('ask', { function: referenceFunction({ functionId: 'child' }), timeout: '2s' });
            } catch (error) {
              const { name, message } = error as Error;
              const tookMs = (await step.run('to', () => Date.now())) - from;
              return { name, message, tookMs };
            }
            return 'not thrown';
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'e76/go' });
    const { output, status } = await system.api.waitForRun(ids[0] ?? '');

    expect(status).toBe('Completed');
    const { tookMs, ...error } = output as { tookMs: number };
    expect(error).toEqual({
      name: 'InngestInvokeTimeoutError',
      message: 'Timed out waiting for invoked function to complete',
    });
    expectWithin(tookMs, [2_000, 3_000]);
    expect(bodies.counts).toEqual({});
    expect(await system.api.waitForEnd(childRun)).toMatchObject({ status: 'Completed', output: 0 });
    await system.observer.finishedOf(childRun);
    await system.observer.fence();
    // Its late answer changes nothing.
    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({ output });
  });

  test.concurrent('[E77] a function that nobody knows is an error at once', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e77', parent('e77', { ask: { functionId: 'e77-nobody' } }));

    expect(await run('e77')).toMatchObject({
      status: 'Completed',
      output: { ask: { error: { message: 'could not find function with ID: e77-nobody' } } },
    });
    const [asked, told] = app.calls();
    expectWithin((told?.arrivedMs ?? 0) - (asked?.arrivedMs ?? 0), [0, 1_000]);
  });

  test.concurrent('[E78] a function that is rate limited is an error', async (ctx) => {
    await system.scriptedApp(
      ctx,
      'e78',
      child('child', completes('in time'), { options: { rateLimit: { limit: 1, period: '1h' } } }),
      parent('e78', { ask: { functionId: 'e78-child' } }),
    );

    expect(await run('e78')).toMatchObject({ output: { ask: { data: 'in time' } } });
    expect(await run('e78')).toMatchObject({
      status: 'Completed',
      output: { ask: { error: { name: 'Error', message: 'invoked function is rate limited' } } },
    });
  });

  test.concurrent('[E79] a function that is skipped, because of a singleton, paused or drained, is an error at once', async (ctx) => {
    const functions = ['single', 'paused', 'drained'];
    const app = await system.scriptedApp(
      ctx,
      'e79',
      child('single', sleeps('1h'), { triggers: [{ event: 'e79/hold' }], options: { singleton: { mode: 'skip' } } }),
      child('paused', completes()),
      child('drained', completes()),
      parent('e79', Object.fromEntries(functions.map((id) => [id, { functionId: `e79-${id}` }]))),
    );
    await system.api.send({ name: 'e79/hold' });
    await app.waitForCalls(1, { slug: 'e79-single' });
    const held = await Promise.all([
      system.api.request('POST', '/v1/functions/e79-paused/pause'),
      system.api.request('POST', '/v1/functions/e79-drained/drain'),
    ]);
    expect(held.map(({ status }) => status)).toEqual([200, 200]);

    const { output } = await run('e79');

    const name = 'InngestInvokeSkippedError';
    expect(output).toMatchObject({
      single: { error: { name, message: expect.stringContaining('Singleton') } },
      paused: { error: { name, message: expect.stringContaining('FunctionPaused') } },
      drained: { error: { name, message: expect.stringContaining('FunctionDrained') } },
    });
    const calls = app.calls('e79-parent');
    expectWithin((calls.at(-1)?.arrivedMs ?? 0) - (calls[0]?.arrivedMs ?? 0), [0, 1_000]);
  });

  test.concurrent('[E80] a function that is cancelled is an error', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'e80',
      child('child', sleeps('1h')),
      parent('e80', { ask: { functionId: 'e80-child' } }),
    );
    const eventId = await system.api.sendOne({ name: 'e80/go' });
    const [call] = await app.waitForCalls(1, { slug: 'e80-child' });

    expect(await system.api.request('DELETE', `/v1/runs/${call?.runId}`)).toMatchObject({ status: 200 });

    expect(await system.api.waitForRun(eventId)).toMatchObject({
      status: 'Completed',
      output: { ask: { error: { name: 'InngestInvokeCancelledError', message: expect.any(String) } } },
    });
  });

  test.concurrent('[E81] the SDK: a function of another application', async (ctx) => {
    await system.sdkApp(ctx, {
      id: 'e81-other',
      functions: () => [{ id: 'child', on: [], run: ({ event }) => ({ from: 'other', got: event.data['n'] }) }],
    });
    const app = await system.sdkApp(ctx, {
      id: 'e81',
      functions: () => [
        { id: 'child', on: [], run: () => 'the wrong one' },
        {
          id: 'parent',
          on: { event: 'e81/go' },
          run: ({ step }) =>
            step.invoke('ask', {
              function: referenceFunction({ appId: 'e81-other', functionId: 'child' }),
              data: { n: 7 },
            }),
        },
      ],
    });

    const { ids } = await app.send({ name: 'e81/go' });

    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({ output: { from: 'other', got: 7 } });
  });

  test.concurrent('a function that was registered a moment ago is found', async (ctx) => {
    for (let i = 0; i < 5; i += 1) {
      const name = `fresh-${i}`;
      await system.scriptedApp(
        ctx,
        name,
        child('child', completes('new')),
        parent(name, { ask: { functionId: `${name}-child` } }),
      );
      expect(await run(name)).toMatchObject({ output: { ask: { data: 'new' } } });
    }
  });

  test.concurrent('a function goes on when the one that invoked it is cancelled', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'orphan',
      child('child', sleeps('2s')),
      parent('orphan', { ask: { functionId: 'orphan-child' } }),
    );
    const eventId = await system.api.sendOne({ name: 'orphan/go' });
    const [call] = await app.waitForCalls(1, { slug: 'orphan-child' });
    const [invoker] = app.calls('orphan-parent');
    await system.api.request('DELETE', `/v1/runs/${invoker?.runId}`);

    expect(await system.api.waitForEnd(call?.runId ?? '')).toMatchObject({ status: 'Completed', output: 'awake' });
    await system.observer.fence();
    expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Cancelled' });
    expect(app.calls('orphan-parent')).toHaveLength(1);
  });

  test.concurrent('a function may invoke itself', async (ctx) => {
    const app = await system.sdkApp(ctx, {
      id: 'self',
      functions: () => [
        {
          id: 'f',
          on: { event: 'self/go' },
          run: async ({ event, step }) => {
            const n = event.data['n'] as number;
            if (n === 0) return 0;
            const below = await step.invoke('again', {
              function: referenceFunction({ functionId: 'f' }),
              data: { n: n - 1 },
            });
            return (below as number) + n;
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'self/go', data: { n: 5 } });

    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({ status: 'Completed', output: 15 });
  });
});
