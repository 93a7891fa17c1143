import type { JsonValue } from '@perdure/domain';
import {
  completes,
  fromSdk,
  runCompleteOp,
  stepErrorOp,
  stepHash,
  stepPlannedOp,
  stepRunOp,
  type WireOp,
} from '@perdure/testing';
import { referenceFunction } from 'inngest';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { Tally, useServer } from './harness/fixture.ts';
import type { FunctionSpec } from './harness/sdk-app.ts';

const lasting = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('steps beside one another, with the SDK', () => {
  const system = useServer({ args: ['--retry-interval', '1'] });

  /** Runs one function to its end. */
  async function runOnce(
    ctx: Parameters<typeof system.sdkApp>[0],
    id: string,
    run: FunctionSpec['run'],
    { clientOptions, ...more }: Partial<FunctionSpec> & { clientOptions?: Record<string, unknown> } = {},
  ) {
    const app = await system.sdkApp(ctx, {
      id,
      ...(clientOptions !== undefined && { clientOptions }),
      functions: () => [{ id: 'f', on: { event: `${id}/go` }, retries: 0, ...more, run }],
    });
    const { ids } = await app.send({ name: `${id}/go` });
    return { app, run: await system.api.waitForRun(ids[0] ?? '') };
  }

  test.concurrent('[E27] two steps and a sleep: they overlap, one discovery follows all of it, and the next step runs once', async (ctx) => {
    const bodies = new Tally();
    const spans: { from: number; to: number }[] = [];
    const { app, run } = await runOnce(ctx, 'e27-sdk', async ({ step }) => {
      bodies.hit('request');
      const span = async (ms: number) => {
        const from = performance.now();
        await lasting(ms);
        spans.push({ from, to: performance.now() });
      };
      await Promise.all([step.run('a', () => span(1_500)), step.run('b', () => span(2_000)), step.sleep('nap', '1s')]);
      return step.run('after', () => bodies.hit('after'));
    });

    expect(run).toMatchObject({ status: 'Completed', output: 0 });
    const [a, b] = spans;
    expect(Math.max(a?.from ?? 0, b?.from ?? 0)).toBeLessThan(Math.min(a?.to ?? 0, b?.to ?? 0));
    // The plan, one call a step, the discovery: it goes on to the end.
    expect(app.callCount).toBe(4);
    expect(bodies.counts).toEqual({ request: 4, after: 1 });
  });

  test.concurrent('[E30] race: what follows the faster step runs at once, while the slower one lasts', async (ctx) => {
    const at = new Map<string, number>();
    const note = (name: string) => void at.set(name, Date.now());
    const { run } = await runOnce(ctx, 'e30', async ({ step, group }) => {
      const winner = await group.parallel({ mode: 'race' }, () =>
        Promise.race([
          step.run('fast', () => {
            note('fast');
            return 'fast';
          }),
          step.run('slow', async () => {
            note('slow begins');
            await lasting(3_000);
            return 'slow';
          }),
        ]),
      );
      return step.run('after', () => {
        note('after');
        return `after ${winner}`;
      });
    });

    expect(run).toMatchObject({ status: 'Completed', output: 'after fast' });
    expectWithin((at.get('after') ?? 0) - (at.get('fast') ?? 0), [0, 500]);
    expect(at.get('after')).toBeLessThan((at.get('slow begins') ?? 0) + 3_000);
  });

  test.concurrent('[P81] steps that are planned together start together', async (ctx) => {
    const begins: number[] = [];
    const { run } = await runOnce(ctx, 'p81', ({ step }) =>
      Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          step.run(`step-${n}`, async () => {
            begins.push(Date.now());
            await lasting(3_000);
          }),
        ),
      ),
    );

    expect(run.status).toBe('Completed');
    expect(begins).toHaveLength(10);
    expectWithin(Math.max(...begins) - Math.min(...begins), [0, 500]);
  });

  test.concurrent('groups within groups: each step runs once, and each value is in its place', async (ctx) => {
    const bodies = new Tally();
    const { run } = await runOnce(ctx, 'nested', async ({ step }) => {
      const one = (name: string) => step.run(name, () => `${name}${bodies.hit(name)}`);
      const chain = async () => [await one('a'), await one('b'), await one('c')];
      const nested = async () => {
        const inner = await Promise.all([one('d'), one('e'), chain()]);
        return [...inner, await one('f')];
      };
      const all = await Promise.all([nested(), one('g'), step.sleep('nap', '1s').then(() => one('h'))]);
      return { all, last: await one('i') };
    });

    expect(run).toMatchObject({
      status: 'Completed',
      output: { all: [['d0', 'e0', ['a0', 'b0', 'c0'], 'f0'], 'g0', 'h0'], last: 'i0' },
    });
    expect(bodies.counts).toEqual({ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1 });
  });

  test.concurrent('a step, a sleep, a wait, a failing invoke and another function, all at once', async (ctx) => {
    const app = await system.sdkApp(ctx, {
      id: 'mixed',
      functions: () => [
        { id: 'child', on: [], run: () => 'from the child' },
        {
          id: 'f',
          on: { event: 'mixed/go' },
          run: async ({ step }) => {
            const [ran, , waited, invoked, unknown] = await Promise.all([
              step.run('run', () => 'ran'),
              step.sleep('nap', '1s'),
              step.waitForEvent('wait', { event: 'mixed/never', timeout: '1s' }),
              step.invoke('ask', { function: referenceFunction({ functionId: 'child' }) }),
              step
                .invoke('ask nobody', { function: referenceFunction({ functionId: 'nobody' }) })
                .catch((error: Error) => error.message),
            ]);
            return { ran, waited, invoked, unknown };
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'mixed/go' });

    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({
      status: 'Completed',
      output: {
        ran: 'ran',
        waited: null,
        invoked: 'from the child',
        unknown: 'could not find function with ID: mixed-nobody',
      },
    });
  });

  test.concurrent('a branch that fails is retried alone', async (ctx) => {
    const bodies = new Tally();
    const { run } = await runOnce(
      ctx,
      'retried-branch',
      ({ step }) =>
        Promise.all([
          step.run('shaky', () => {
            if (bodies.hit('shaky') === 0) throw new Error('not yet');
            return 'at last';
          }),
          step.run('steady', () => bodies.hit('steady')),
        ]),
      { retries: 1 },
    );

    expect(run).toMatchObject({ status: 'Completed', output: ['at last', 0] });
    expect(bodies.counts).toEqual({ shaky: 2, steady: 1 });
  });

  test.concurrent('[E50] two branches fail: one failed and one finished event, after the slower sibling has ended', async (ctx) => {
    let slowEndedAt = Infinity;
    const { run } = await runOnce(ctx, 'e50', ({ step }) =>
      Promise.all([
        step.run('fails', () => {
          throw new Error('the first');
        }),
        step.run('fails too', () => {
          throw new Error('the second');
        }),
        step.run('slow', async () => {
          await lasting(4_000);
          slowEndedAt = Date.now();
        }),
      ]),
    );

    expect(run.status).toBe('Failed');
    expect(Date.parse(run.ended_at ?? '')).toBeGreaterThanOrEqual(slowEndedAt);
    await system.observer.failedOf(run.run_id);
    await system.observer.fence();
    const { finished, failed } = system.observer.endsOf(run.run_id);
    expect([finished.length, failed.length]).toEqual([1, 1]);
  });

  test.concurrent('[E38] sendEvent starts another function once, also when its request is made again after it arrived', async (ctx) => {
    const asked = new Tally();
    const app = await system.sdkApp(ctx, {
      id: 'e38',
      clientOptions: {
        fetch: async (url: string | URL, init: { body?: string }) => {
          const answer = await fetch(url, init);
          const isOfStep = String(url).includes('/e/') && init.body?.includes('e38/told') === true;
          // The events are accepted; the reply is lost on its way.
          if (isOfStep && asked.hit('post') === 0) throw new TypeError('fetch failed');
          return answer;
        },
      },
      functions: () => [
        {
          id: 'tells',
          on: { event: 'e38/go' },
          run: ({ step }) => step.sendEvent('tell', { name: 'e38/told', data: { n: 1 } }),
        },
        { id: 'hears', on: { event: 'e38/told' }, run: () => asked.hit('heard') },
      ],
    });

    const { ids } = await app.send({ name: 'e38/go' });
    const run = await system.api.waitForRun(ids[0] ?? '');
    const [told = ''] = (run.output as { ids: string[] }).ids;
    await system.api.waitForRun(told);
    await system.observer.fence();

    expect(run.status).toBe('Completed');
    expect(asked.counts).toEqual({ post: 2, heard: 1 });
  });
});

describe('steps beside one another, by script', () => {
  const system = useServer({ args: ['--retry-interval', '1'] });
  const v1 = (...list: WireOp[]) => fromSdk(206, list, { 'x-inngest-req-version': '1' });

  test.concurrent('[P79] version 1: a discovery after each completion, all of them planning; plans repeated by them are dropped', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p79', {
      id: 'f',
      triggers: [{ event: 'p79/go' }],
      script: async (call) => {
        const ids = ['a', 'b', 'c'];
        const index = ids.findIndex((id) => stepHash(id) === call.stepId);
        if (index >= 0) {
          await lasting(300 * (index + 1));
          return v1(stepRunOp(ids[index] ?? '', index));
        }
        const missing = ids.filter((id) => !(stepHash(id) in call.steps));
        return missing.length > 0 ? v1(...missing.map(stepPlannedOp)) : v1(runCompleteOp('end'));
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'p79/go' }));
    await system.observer.fence();

    expect(run).toMatchObject({ status: 'Completed', output: 'end' });
    const calls = app.calls();
    const discoveries = calls.filter(({ stepId }) => stepId === 'step');
    expect(discoveries.map(({ ctx: { stack } }) => stack.stack.length)).toEqual([0, 1, 2, 3]);
    expect(discoveries.map(({ ctx: { disable_immediate_execution: plans } }) => plans)).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(discoveries.map(({ version }) => version)).toEqual([-1, 1, 1, 1]);
    expect(calls.filter(({ stepId }) => stepId !== 'step')).toHaveLength(3);
  });

  test.concurrent('[P78] race in the plan: a discovery after each of its steps', async (ctx) => {
    const racing = (op: WireOp): WireOp => ({ ...op, opts: { parallelMode: 'race' } });
    const app = await system.scriptedApp(ctx, 'p78', {
      id: 'f',
      triggers: [{ event: 'p78/go' }],
      script: async (call) => {
        const ids = ['a', 'b', 'c'];
        const index = ids.findIndex((id) => stepHash(id) === call.stepId);
        if (index >= 0) {
          await lasting(300 * (index + 1));
          return fromSdk(206, [racing(stepRunOp(ids[index] ?? '', index))] as JsonValue);
        }
        const missing = ids.filter((id) => !(stepHash(id) in call.steps));
        if (missing.length === 0) return fromSdk(206, [runCompleteOp('end')] as JsonValue);
        return fromSdk(206, missing.map((id) => racing(stepPlannedOp(id))) as JsonValue);
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'p78/go' }));
    await system.observer.fence();

    expect(run).toMatchObject({ status: 'Completed', output: 'end' });
    const discoveries = app.calls().filter(({ stepId }) => stepId === 'step');
    expect(discoveries.map(({ ctx: { stack } }) => stack.stack.length)).toEqual([0, 1, 2, 3]);
    expect(app.calls()).toHaveLength(7);
  });

  test.concurrent('a member of a group that fails for good counts as ended', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'failed-member', {
      id: 'f',
      triggers: [{ event: 'failed-member/go' }],
      retries: 0,
      script: (call) => {
        if (call.stepId === stepHash('bad')) return fromSdk(206, [stepErrorOp('bad', 'no')] as JsonValue);
        if (call.stepId === stepHash('good')) return fromSdk(206, [stepRunOp('good', 1)] as JsonValue);
        if (call.ctx.stack.stack.length === 2) return fromSdk(206, [runCompleteOp(call.steps)] as JsonValue);
        return fromSdk(206, ['bad', 'good'].map(stepPlannedOp) as JsonValue);
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'failed-member/go' }));

    expect(run).toMatchObject({
      status: 'Completed',
      output: { [stepHash('bad')]: { error: { message: 'no' } }, [stepHash('good')]: { data: 1 } },
    });
    expect(app.calls().filter(({ stepId }) => stepId === 'step')).toHaveLength(2);
  });

  test.concurrent('answers that name nothing to do end the run instead of leaving it for ever', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'deadlock',
      {
        id: 'f',
        triggers: [{ event: 'deadlock/go' }],
        // A step that is stored already is all that it ever plans.
        script: (call) =>
          fromSdk(206, [stepHash('a') in call.steps ? stepPlannedOp('a') : stepRunOp('a', 1)] as JsonValue),
      },
      { id: 'other', script: completes() },
    );

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'deadlock/go' }));

    expect(run).toMatchObject({ status: 'Failed', output: { name: 'DeadlockedRun' } });
    expect(app.callCount).toBe(3);
  });
});
