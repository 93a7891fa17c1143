import { completes, failsThen, fromSdk, ops, runCompleteOp, sleepOp, sleeps, stepHash } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { Tally, useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';

describe('sleeping', () => {
  const system = useServer();

  test.concurrent('[E55][P60] sleepUntil wakes at its instant', async (ctx) => {
    let wakeAt = 0;
    const app = await system.sdkApp(ctx, {
      id: 'until',
      functions: () => [
        {
          id: 'until',
          on: { event: 'until/go' },
          run: async ({ step }) => {
            const at = await step.run('choose', () => Date.now() + 2_345);
            wakeAt = at;
            await step.sleepUntil('until', new Date(at));
            return step.run('woken', () => Date.now());
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'until/go' });
    const run = await system.api.waitForRun(ids[0] ?? '');

    const late = Number(run.output) - wakeAt;
    expectWithin(late, [0, 1_000]);
  });

  test.concurrent('[E56] a sleep of nothing, of less than nothing or until yesterday goes on at once', async (ctx) => {
    const untils = { zero: '0s', bare: '0', negative: '-5s', past: '2020-01-01T00:00:00.000Z', empty: '' };
    const app = await system.scriptedApp(
      ctx,
      'e56',
      ...Object.entries(untils).map(([id, duration]) => ({
        id,
        triggers: [{ event: 'e56/go' }],
        script: sleeps(duration),
      })),
    );

    const runs = await system.api.waitForRuns(await system.api.sendOne({ name: 'e56/go' }), 5);

    expect(runs.map((run) => run.output)).toEqual(['awake', 'awake', 'awake', 'awake', 'awake']);
    for (const id of Object.keys(untils)) {
      const [first, second] = app.calls(`e56-${id}`);
      expectWithin((second?.arrivedMs ?? 0) - (first?.arrivedMs ?? 0), [0, 1_000], id);
      expect(second?.steps, id).toEqual({ [stepHash('nap')]: null });
    }
  });

  test.concurrent('[E57][P61] a sleep of 400 days fails the run at once', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'e57',
      { id: 'duration', triggers: [{ event: 'e57/go' }], script: sleeps('400d') },
      {
        id: 'instant',
        triggers: [{ event: 'e57/go' }],
        script: sleeps(new Date(Date.now() + 400 * 86_400_000).toISOString()),
      },
    );

    const runs = await system.api.waitForRuns(await system.api.sendOne({ name: 'e57/go' }), 2);

    expect(runs.map((run) => run.status)).toEqual(['Failed', 'Failed']);
    for (const run of runs) expect(JSON.stringify(run.output)).toContain('InngestErrTimeoutTooLong');
    expect(runs.map((run) => JSON.stringify(run.output)).join('\n')).toContain(
      'The sleep \\"400d\\" ends more than one year in the future; sleeps may last at most one year.',
    );
    expect(app.callCount).toBe(2);
  });

  test.concurrent('[E57] the SDK itself: step.sleep of 400 days fails the run', async (ctx) => {
    const app = await system.sdkApp(ctx, {
      id: 'e57-sdk',
      functions: () => [{ id: 'long', on: { event: 'e57/sdk' }, run: ({ step }) => step.sleep('long', '400d') }],
    });

    const { ids } = await app.send({ name: 'e57/sdk' });
    const run = await system.api.waitForRun(ids[0] ?? '');

    expect(run.status).toBe('Failed');
    expect(JSON.stringify(run.output)).toContain('InngestErrTimeoutTooLong');
    expect(app.callCount).toBe(1);
  });

  test.concurrent('[P60] a duration in opts wins over the name', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p60', {
      id: 'opts',
      script: (call) =>
        stepHash('nap') in call.steps
          ? ops(runCompleteOp('awake'))
          : ops({ ...sleepOp('nap', 'nap'), opts: { duration: '1s' } }),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/opts' }));

    expect(run.output).toBe('awake');
    const [first, second] = app.calls();
    const sleptMs = (second?.arrivedMs ?? 0) - (first?.arrivedMs ?? 0);
    expectWithin(sleptMs, [1_000, 2_000]);
  });

  test.concurrent('[P60] a duration that is none fails the run and says which', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p60-bad', {
      id: 'unreadable',
      script: () => fromSdk(206, [sleepOp('nap', 'a while')]),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/unreadable' }));

    expect(run.status).toBe('Failed');
    expect(JSON.stringify(run.output)).toContain('a while');
    expect(app.callCount).toBe(1);
  });
});

describe('sleeping while the server is away', () => {
  const system = useServer({ persist: true });

  test('[E55] a sleep outlives kill -9: the next step runs when it is due, and the steps before are not repeated', async (ctx) => {
    const bodies = new Tally();
    const instants: number[] = [];
    const app = await system.sdkApp(ctx, {
      id: 'e55-crash',
      functions: () => [
        {
          id: 'nap',
          on: { event: 'e55/crash' },
          run: async ({ step }) => {
            const before = await step.run('before', () => {
              instants.push(Date.now());
              return bodies.hit('before');
            });
            await step.sleep('nap', '12s');
            return step.run('after', () => {
              instants.push(Date.now());
              return { before, after: bodies.hit('after') };
            });
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'e55/crash' });
    await system.api.waitForRun(ids[0] ?? '', { isWanted: (run) => run.status === 'Running' });
    await expect.poll(() => bodies.counts).toEqual({ before: 1 });
    await answersAreStored();
    await system.server.kill9();
    await system.server.start();
    const run = await system.api.waitForRun(ids[0] ?? '');

    expect(run).toMatchObject({ status: 'Completed', output: { before: 0, after: 0 } });
    expect(bodies.counts).toEqual({ before: 1, after: 1 });
    const [before = 0, after = 0] = instants;
    expectWithin(after - before, [12_000, 13_000]);
  });

  test('[E7][E55] what falls due while nobody is there runs when the server is back: sleeps, retries, events of the future', async (ctx) => {
    const dueMs = 5_000;
    const app = await system.scriptedApp(
      ctx,
      'due',
      { id: 'sleep', triggers: [{ event: 'due/now' }], script: sleeps(`${dueMs / 1_000}s`) },
      {
        id: 'retry',
        triggers: [{ event: 'due/now' }],
        script: failsThen(1, completes('retried'), { retryAfter: String(dueMs / 1_000) }),
      },
      { id: 'event', triggers: [{ event: 'due/then' }], script: completes('came') },
    );
    const [now = '', then = ''] = await system.api.send(
      { name: 'due/now' },
      { name: 'due/then', ts: Date.now() + dueMs },
    );
    await app.waitForCalls(2);
    await answersAreStored();
    const dueAt = Date.now() + dueMs;
    expect(app.callCount).toBe(2);
    await system.server.kill9();
    await until('everything to be due', () => Date.now() > dueAt || undefined);
    await system.server.start();

    const [[slept, retried], came] = await Promise.all([system.api.waitForRuns(now, 2), system.api.waitForRun(then)]);

    expect([slept?.output, retried?.output].toSorted()).toEqual(['awake', 'retried']);
    expect(came.output).toBe('came');
    expect(app.calls('due-retry').map((call) => call.attempt)).toEqual([0, 1]);
    expect(app.calls('due-sleep')).toHaveLength(2);
    expect(app.calls('due-event')).toHaveLength(1);
  });

  /**
   * The answer of a call is stored a moment after the application gave it. Later events that have run by now show that
   * the server has come past it.
   */
  async function answersAreStored(): Promise<void> {
    await system.observer.fence();
  }
});
