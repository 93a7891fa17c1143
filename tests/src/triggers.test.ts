import { completes, invokeOp, ops, runCompleteOp, stepHash } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';

/** 29 February: not while any test runs. */
const SELDOM = '0 0 29 2 *';

describe('triggers', () => {
  const system = useServer();

  test.concurrent('several of a function: any of them starts it, each with its own event; cron beside events', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'several', {
      id: 'f',
      triggers: [
        { event: 'several/a' },
        { event: 'several/b', expression: 'event.data.n > 1' },
        { event: 'several/c.*' },
        { cron: SELDOM },
      ],
      script: (call) => ops(runCompleteOp(call.event.name)),
    });

    const ids = await system.api.send(
      { name: 'several/a' },
      { name: 'several/b', data: { n: 2 } },
      { name: 'several/b', data: { n: 1 } },
      { name: 'several/c.d.e' },
      { name: 'several/d' },
    );
    const [a, b, , c] = ids;
    const runs = await Promise.all([a, b, c].map((id) => system.api.waitForRun(id ?? '')));
    await system.observer.fence();

    expect(runs.map(({ output }) => output)).toEqual(['several/a', 'several/b', 'several/c.d.e']);
    expect(app.callCount).toBe(3);
  });

  test.concurrent('an expression that fails with an event starts nothing, and harms nobody else with the same event', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'failing',
      {
        id: 'fails',
        triggers: [{ event: 'failing/go', expression: 'date(event.data.at) > date("2020-01-01T00:00:00Z")' }],
        script: completes(),
      },
      { id: 'other', triggers: [{ event: 'failing/go' }], script: completes() },
    );

    const bad = await system.api.sendOne({ name: 'failing/go', data: { at: 'garbage' } });
    await system.api.waitForRuns(bad, 1);
    const good = await system.api.sendOne({ name: 'failing/go', data: { at: '2026-01-01T00:00:00Z' } });
    await system.api.waitForRuns(good, 2);
    await system.observer.fence();

    expect(await system.api.runsOf(bad)).toHaveLength(1);
    expect(app.calls('failing-fails')).toHaveLength(1);
    expect(app.calls('failing-other')).toHaveLength(2);
  });

  test.concurrent('[E23] a function with nothing but a cron trigger can be invoked, by a step and by the API', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'e23',
      { id: 'nightly', triggers: [{ cron: SELDOM }], script: completes('by hand') },
      {
        id: 'parent',
        triggers: [{ event: 'e23/go' }],
        script: (call) => {
          const memo = call.steps[stepHash('ask')];
          if (memo !== undefined) return ops(runCompleteOp(memo));
          return ops(invokeOp('ask', { functionId: 'e23-nightly', data: { n: 1 } }));
        },
      },
    );

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'e23/go' }));
    const answer = await system.api.request('POST', '/invoke/e23-nightly', { body: { data: { n: 2 } } });
    const calls = await app.waitForCalls(2, { slug: 'e23-nightly' });

    expect(run).toMatchObject({ status: 'Completed', output: { data: 'by hand' } });
    expect(answer.status).toBe(200);
    expect(calls.map(({ event }) => [event.name, event.data['n']])).toEqual([
      ['inngest/function.invoked', 1],
      ['inngest/function.invoked', 2],
    ]);
  });

  test.concurrent('an expression decides on an invocation as little as the event does', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'bypass', {
      id: 'f',
      triggers: [{ event: 'bypass/never', expression: 'event.data.n == 1' }],
      script: completes(),
    });

    await system.api.request('POST', '/invoke/bypass-f', { body: { data: { n: 2 } } });

    expect((await app.nextCall()).event).toMatchObject({ name: 'inngest/function.invoked', data: { n: 2 } });
  });
});
