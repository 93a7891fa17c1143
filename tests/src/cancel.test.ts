import type { JsonObject } from '@perdure/domain';
import {
  always,
  completes,
  hang,
  ops,
  runCompleteOp,
  sleepOp,
  sleeps,
  stepHash,
  stepRunOp,
  type ScriptedFunction,
} from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { Tally, useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';

const UNKNOWN_RUN = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

describe('cancelling runs', () => {
  const system = useServer();
  type Ctx = Parameters<typeof system.scriptedApp>[0];

  /** An application with this function and one that is told of cancelled runs. */
  async function cancellable(ctx: Ctx, name: string, fn: Omit<ScriptedFunction, 'id'>) {
    const app = await system.scriptedApp(
      ctx,
      name,
      { id: 'f', triggers: [{ event: `${name}/go` }], ...fn },
      {
        id: 'told',
        triggers: [{ event: 'inngest/function.cancelled', expression: `event.data.function_id == "${name}-f"` }],
        script: completes(),
      },
    );
    return {
      app,
      /** Starts a run and resolves when its first answer is stored. */
      start: async (data: JsonObject = {}) => {
        const before = app.calls(`${name}-f`).length;
        const eventId = await system.api.sendOne({ name: `${name}/go`, data });
        const calls = await app.waitForCalls(before + 1, { slug: `${name}-f` });
        await system.observer.fence();
        return { eventId, runId: calls.at(-1)?.runId ?? '' };
      },
      /** The cancelled events of the function's runs. */
      told: () => app.calls(`${name}-told`).map(({ event }) => event),
    };
  }

  test.concurrent('[E119][P84] an event that fits ends a sleeping run at once: one cancelled and one finished event, no other call', async (ctx) => {
    const { app, start, told } = await cancellable(ctx, 'e119', {
      script: sleeps('5s'),
      options: { cancel: [{ event: 'e119/stop', if: 'event.data.id == async.data.id' }] },
    });
    const { eventId, runId } = await start({ id: 'a' });

    const sentAt = Date.now();
    await system.api.send({ name: 'e119/stop', data: { id: 'a' } });
    const run = await system.api.waitForRun(eventId);

    expect(run).toMatchObject({ run_id: runId, status: 'Cancelled' });
    expect(run.output ?? null).toBeNull();
    expectWithin(Date.parse(run.ended_at ?? '') - sentAt, [0, 500]);
    await app.waitForCalls(1, { slug: 'e119-told' });
    // Later than it would have slept.
    await until('the sleep to be over', () => Date.now() > sentAt + 5_200 || undefined);
    await system.observer.fence();
    expect(app.calls('e119-f')).toHaveLength(1);
    expect(told()).toHaveLength(1);
    const [cancelled] = told();
    expect(cancelled).toMatchObject({
      id: runId,
      data: {
        function_id: 'e119-f',
        run_id: runId,
        event: { name: 'e119/go', data: { id: 'a' } },
        _inngest: { status: 'Cancelled' },
      },
    });
    const { finished, failed } = system.observer.endsOf(runId);
    expect(finished).toMatchObject([{ data: { _inngest: { status: 'Cancelled' } } }]);
    expect(failed).toEqual([]);
    for (const data of [cancelled?.data, finished[0]?.data]) {
      expect(data).not.toHaveProperty('error');
      expect(data).not.toHaveProperty('result');
    }
  });

  test.concurrent('[E120] the SDK: a step under way ends in the application, is not stored, and nothing follows', async (ctx) => {
    const bodies = new Tally();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const app = await system.sdkApp(ctx, {
      id: 'e120',
      clientOptions: { checkpointing: false },
      functions: () => [
        {
          id: 'f',
          on: { event: 'e120/go' },
          options: { cancelOn: [{ event: 'e120/stop', match: 'data.id' }] },
          run: async ({ step }) => {
            await step.run('first', async () => {
              bodies.hit('first begins');
              await held;
              bodies.hit('first ends');
            });
            await step.run('second', () => bodies.hit('second'));
          },
        },
      ],
    });
    const { ids } = await app.send({ name: 'e120/go', data: { id: 1 } });
    await until('the first step', () => bodies.counts['first begins']);

    await app.send({ name: 'e120/stop', data: { id: 1 } });
    const run = await system.api.waitForRun(ids[0] ?? '');
    release();
    await until('the end of the step', () => bodies.counts['first ends']);
    await system.observer.fence();

    expect(run.status).toBe('Cancelled');
    expect(bodies.counts).toEqual({ 'first begins': 1, 'first ends': 1 });
    expect(app.callCount).toBe(1);
    expect(await system.api.run(run.run_id)).toMatchObject({ status: 'Cancelled' });
  });

  test.concurrent('[E121] an event that does not fit, or comes after the timeout, ends nothing', async (ctx) => {
    const { start, told } = await cancellable(ctx, 'e121', {
      script: sleeps('4s'),
      options: {
        cancel: [
          { event: 'e121/stop', if: 'event.data.id == async.data.id' },
          { event: 'e121/late', timeout: '1s' },
          { event: 'e121/never', if: 'event.data.id == "another"' },
        ],
      },
    });
    const { eventId } = await start({ id: 'a' });
    const startedAt = Date.now();

    await system.api.send({ name: 'e121/stop', data: { id: 'b' } }, { name: 'e121/never' });
    await until('the timeout of the second', () => Date.now() > startedAt + 1_100 || undefined);
    await system.api.send({ name: 'e121/late' });

    expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Completed', output: 'awake' });
    expect(told()).toEqual([]);
  });

  test.concurrent('[E122] an event that starts a run does not cancel it, only those that run already', async (ctx) => {
    const { start, told } = await cancellable(ctx, 'e122', {
      script: sleeps('3s'),
      options: { cancel: [{ event: 'e122/go' }] },
    });
    const first = await start({ n: 1 });
    const second = await start({ n: 2 });

    expect(await system.api.waitForRun(first.eventId)).toMatchObject({ status: 'Cancelled' });
    expect(await system.api.waitForRun(second.eventId)).toMatchObject({ status: 'Completed', output: 'awake' });
    await system.observer.fence();
    expect(told()).toHaveLength(1);
  });

  test.concurrent('[P86] cancelOn knows both events; a run that waits, that has not started, and all of them at once', async (ctx) => {
    const condition = 'event.data.team == async.data.team && async.data.level > 2';
    const { app, start } = await cancellable(ctx, 'p86', {
      script: sleeps('1h'),
      options: { cancel: [{ event: 'p86/stop', if: condition }] },
    });
    const running = [await start({ team: 'a' }), await start({ team: 'a' }), await start({ team: 'b' })];
    const future = await system.api.sendOne({ name: 'p86/go', data: { team: 'a' }, ts: Date.now() + 3_600_000 });
    await system.observer.fence();

    await system.api.send(
      { name: 'p86/stop', data: { team: 'a', level: 2 } },
      { name: 'p86/stop', data: { team: 'a', level: 3 } },
    );

    for (const { eventId } of running.slice(0, 2)) {
      expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Cancelled' });
    }
    expect(await system.api.waitForRun(future)).toMatchObject({ status: 'Cancelled' });
    expect(await system.api.run(running[2]?.runId ?? '')).toMatchObject({ status: 'Running' });
    await system.observer.fence();
    expect(app.calls('p86-f')).toHaveLength(3);
  });

  test.concurrent('[E123] DELETE of a run: 200, again 200; an unknown one 404, no run ID 400', async (ctx) => {
    const { start, told } = await cancellable(ctx, 'e123', { script: sleeps('1h') });
    const { runId, eventId } = await start();
    const remove = async (id: string) => (await system.api.request('DELETE', `/v1/runs/${id}`)).status;

    expect(await remove(runId)).toBe(200);
    expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Cancelled' });
    expect(await remove(runId)).toBe(200);
    expect(await remove(UNKNOWN_RUN)).toBe(404);
    expect(await remove('not-a-run')).toBe(400);
    await system.observer.fence();
    expect(told()).toHaveLength(1);
  });

  test.concurrent('[E125][P87] timeouts.finish ends a run that takes longer', async (ctx) => {
    const { app, start } = await cancellable(ctx, 'e125', {
      script: sleeps('10s'),
      options: { timeouts: { finish: '3s' } },
    });
    const { eventId } = await start();
    const [call] = app.calls('e125-f');

    const run = await system.api.waitForRun(eventId);

    expect(run.status).toBe('Cancelled');
    const startedAt = performance.timeOrigin + (call?.arrivedMs ?? 0);
    // The time is counted from the claim, a moment before the call arrives.
    expectWithin(Date.parse(run.ended_at ?? '') - startedAt, [2_900, 4_000]);
    expect(app.calls('e125-f')).toHaveLength(1);
  });

  test.concurrent('[E126][P87] timeouts.start ends a run that has not started in time, without any call', async (ctx) => {
    const { app, start } = await cancellable(ctx, 'e126', {
      script: (call) => (call.event.data['blocks'] === true ? hang() : always(ops(runCompleteOp('late')))(call)),
      options: { concurrency: 1, timeouts: { start: '2s' } },
    });
    await start({ blocks: true });

    const sentAt = Date.now();
    const eventId = await system.api.sendOne({ name: 'e126/go' });
    const run = await system.api.waitForRun(eventId);

    expect(run.status).toBe('Cancelled');
    expectWithin(Date.parse(run.ended_at ?? '') - sentAt, [2_000, 3_000]);
    expect(app.calls('e126-f')).toHaveLength(1);
  });

  test.concurrent('what is cancelled makes room for others', async (ctx) => {
    const { start } = await cancellable(ctx, 'room', {
      script: (call) =>
        stepHash('work') in call.steps
          ? ops(runCompleteOp('done'))
          : call.event.data['blocks'] === true
            ? hang()
            : ops(stepRunOp('work', 1)),
      options: { concurrency: 1, cancel: [{ event: 'room/stop' }] },
    });
    await start({ blocks: true });
    const next = await system.api.sendOne({ name: 'room/go', ts: Date.now() });
    await system.observer.fence();
    expect(await system.api.runsOf(next)).toMatchObject([{ status: expect.stringMatching(/Scheduled|Running/) }]);

    // Received after both were scheduled: it ends both; the next one is free to start.
    await system.api.send({ name: 'room/stop' });
    await system.api.waitForRun(next);
    const last = await system.api.waitForRun(await system.api.sendOne({ name: 'room/go' }));

    expect(last).toMatchObject({ status: 'Completed', output: 'done' });
  });

  test.concurrent('a wait ends with its run: the event that it waited for starts nothing any more', async (ctx) => {
    const { app, start } = await cancellable(ctx, 'gone', {
      script: (call) =>
        stepHash('wait') in call.steps
          ? ops(runCompleteOp('never'))
          : ops(
              {
                op: 'WaitForEvent',
                id: stepHash('wait'),
                name: 'gone/answer',
                opts: { event: 'gone/answer', timeout: '1h' },
              },
              sleepOp('nap', '1h'),
            ),
      options: { cancel: [{ event: 'gone/stop' }] },
    });
    const { eventId } = await start();

    await system.api.send({ name: 'gone/stop' });
    expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Cancelled' });
    await system.api.send({ name: 'gone/answer' });
    await system.observer.fence();

    expect(app.calls('gone-f')).toHaveLength(1);
  });
});
