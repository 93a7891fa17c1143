import type { JsonObject } from '@perdure/domain';
import { completes, stepHash } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { Tally, useServer } from './harness/fixture.ts';
import type { FunctionContext } from './harness/sdk-app.ts';
import { waits } from './harness/waits.ts';

describe('waiting for an event', () => {
  const system = useServer();

  /** A function of the SDK that waits, started and known to wait. */
  async function waiting(
    ctx: Parameters<typeof system.sdkApp>[0],
    id: string,
    run: (context: FunctionContext) => unknown,
    data: JsonObject = {},
  ) {
    const app = await system.sdkApp(ctx, { id, functions: () => [{ id: 'f', on: { event: `${id}/go` }, run }] });
    const { ids } = await app.send({ name: `${id}/go`, data });
    const eventId = ids[0] ?? '';
    await system.api.waitForRun(eventId, { isWanted: (row) => row.status === 'Running' });
    await system.observer.fence();
    return { app, eventId, end: () => system.api.waitForRun(eventId) };
  }

  test.concurrent('[E58] the SDK gets the event that came, at once, and goes on behind it', async (ctx) => {
    const bodies = new Tally();
    let resumedAt = 0;
    const { end } = await waiting(ctx, 'e58', async ({ step }) => {
      await step.run('before', () => bodies.hit('before'));
      const got = await step.waitForEvent('wait', { event: 'e58/answer', timeout: '1h' });
      return step.run('after', () => {
        bodies.hit('after');
        resumedAt = Date.now();
        return got;
      });
    });

    const sentAt = Date.now();
    const answerId = await system.api.sendOne({
      name: 'e58/answer',
      data: { yes: true, words: 'grüß' },
      ts: 1_700_000_000_000,
      user: { id: 'u1' },
    });
    const run = await end();

    expect(run).toMatchObject({
      status: 'Completed',
      output: {
        id: answerId,
        name: 'e58/answer',
        data: { yes: true, words: 'grüß' },
        ts: 1_700_000_000_000,
        user: { id: 'u1' },
      },
    });
    expectWithin(resumedAt - sentAt, [0, 300]);
    expect(bodies.counts).toEqual({ before: 1, after: 1 });
  });

  test.concurrent('[P62] the memo is the bare event as functions get it; null after the timeout; "" is over at once', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'p62',
      { id: 'gets', triggers: [{ event: 'p62/go' }], script: waits({ event: 'p62/answer', timeout: '1h' }) },
      { id: 'late', triggers: [{ event: 'p62/go' }], script: waits({ event: 'p62/never', timeout: '1s' }) },
      { id: 'empty', triggers: [{ event: 'p62/go' }], script: waits({ event: 'p62/never', timeout: '' }) },
      { id: 'sees', triggers: [{ event: 'p62/answer' }], script: completes() },
    );

    const eventId = await system.api.sendOne({ name: 'p62/go' });
    await app.waitForCalls(1, { slug: 'p62-gets' });
    await system.observer.fence();
    await system.api.send({ name: 'p62/answer', data: { z: 1, a: [null, { b: 2 }] }, id: 'mine', v: '7' });
    await system.api.waitForRuns(eventId, 3);

    const [seen] = await app.waitForCalls(1, { slug: 'p62-sees' });
    const memo = stepHash('wait');
    expect(app.calls('p62-gets')[1]?.steps).toEqual({ [memo]: seen?.event });
    expect(seen?.event).toMatchObject({ id: 'mine', v: '7' });
    expect(app.calls('p62-late')[1]?.steps).toEqual({ [memo]: null });
    const [asked, over] = app.calls('p62-empty');
    expect(over?.steps).toEqual({ [memo]: null });
    expectWithin((over?.arrivedMs ?? 0) - (asked?.arrivedMs ?? 0), [0, 1_000]);
  });

  /** A wait that nothing ends but its timeout: null, after a time within these bounds. */
  async function expectTimeout(
    ctx: Parameters<typeof system.scriptedApp>[0],
    timeout: string,
    within: [least: number, most: number],
  ): Promise<void> {
    const id = `timeout-${Buffer.from(timeout).toString('hex')}`;
    const script = waits({ event: `${id}/never`, timeout });
    const app = await system.scriptedApp(ctx, id, { id: 'f', script, triggers: [{ event: `${id}/go` }] });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: `${id}/go` }));

    expect(run).toMatchObject({ status: 'Completed', output: null });
    const [asked, over] = app.calls();
    expectWithin((over?.arrivedMs ?? 0) - (asked?.arrivedMs ?? 0), within);
    expect(app.callCount).toBe(2);
  }

  test.concurrent('[E59] without an event a wait of 2 s gives null after 2 s', (ctx) =>
    expectTimeout(ctx, '2s', [2_000, 3_000]));

  test.concurrent.for(['0', '0s', '', '2020-01-01T00:00:00.000Z'])(
    '[E60] a wait of "%s" gives null at once',
    (timeout, ctx) => expectTimeout(ctx, timeout, [0, 1_000]),
  );

  test.concurrent('[P61] a wait of more than a year fails the run', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p61-wait', {
      id: 'f',
      triggers: [{ event: 'p61-wait/go' }],
      script: waits({ event: 'p61-wait/never', timeout: '400d' }),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'p61-wait/go' }));

    expect(run).toMatchObject({ status: 'Failed', output: { error: { name: 'InngestErrTimeoutTooLong' } } });
    expect(app.callCount).toBe(1);
  });

  test.concurrent('[E61][P65] what came before the wait does not end it, nor does the event that started the run', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'e61',
      { id: 'before', triggers: [{ event: 'e61/go' }], script: waits({ event: 'e61/early', timeout: '2s' }) },
      { id: 'own', triggers: [{ event: 'e61/go' }], script: waits({ event: 'e61/go', timeout: '2s' }) },
    );
    await system.api.send({ name: 'e61/early' });
    await system.observer.fence();

    const runs = await system.api.waitForRuns(await system.api.sendOne({ name: 'e61/go' }), 2);

    expect(runs.map(({ output }) => output)).toEqual([null, null]);
    expect(app.callCount).toBe(4);
  });

  test.concurrent('[P65] one event ends one wait of a run that waits for such events again and again', async (ctx) => {
    const { eventId } = await waiting(ctx, 'p65', async ({ step }) => {
      const seen: unknown[] = [];
      for (const timeout of ['1h', '1h', '2s']) {
        const tick = await step.waitForEvent('tick', { event: 'p65/tick', timeout });
        seen.push(tick?.data['n'] ?? null);
      }
      return seen;
    });

    await system.api.send({ name: 'p65/tick', data: { n: 1 } });
    await system.observer.fence();
    await system.api.send({ name: 'p65/tick', data: { n: 2 } });

    expect(await system.api.waitForRun(eventId)).toMatchObject({ output: [1, 2, null] });
  });

  test.concurrent('[P6] an event whose ID was there before starts nothing, and ends waits all the same', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'p6',
      { id: 'waits', triggers: [{ event: 'p6/go' }], script: waits({ event: 'p6/again', timeout: '1h' }) },
      { id: 'starts', triggers: [{ event: 'p6/again' }], script: completes() },
    );
    await system.api.waitForRun(await system.api.sendOne({ name: 'p6/again', id: 'the-same', data: { n: 1 } }));
    const eventId = await system.api.sendOne({ name: 'p6/go' });
    await app.waitForCalls(1, { slug: 'p6-waits' });
    await system.observer.fence();

    await system.api.send({ name: 'p6/again', id: 'the-same', data: { n: 2 } });

    expect(await system.api.waitForRun(eventId)).toMatchObject({ output: { id: 'the-same', data: { n: 2 } } });
    await system.observer.fence();
    expect(app.calls('p6-starts')).toHaveLength(1);
  });

  test.concurrent('[E65] one event ends two waits of one run', async (ctx) => {
    const { end } = await waiting(ctx, 'e65', async ({ step }) => {
      const both = await Promise.all([
        step.waitForEvent('a', { event: 'e65/both', timeout: '1h' }),
        step.waitForEvent('b', { event: 'e65/both', timeout: '1h', if: 'async.data.n > 1' }),
      ]);
      return both.map((event) => event?.data['n']);
    });

    await system.api.send({ name: 'e65/both', data: { n: 2 } });

    expect(await end()).toMatchObject({ status: 'Completed', output: [2, 2] });
  });

  /** A wait with this condition, of a run whose event has `s: "abc"` and `n: 10`, is ended by the one and not by the other. */
  async function expectToTell(
    ctx: Parameters<typeof system.sdkApp>[0],
    condition: string,
    { fits, other }: { fits: JsonObject; other: JsonObject },
  ): Promise<void> {
    const id = `if-${Buffer.from(condition).toString('hex').slice(0, 20)}`;
    const { end } = await waiting(
      ctx,
      id,
      async ({ step }) => (await step.waitForEvent('wait', { event: `${id}/ev`, timeout: '1h', if: condition }))?.data,
      { s: 'abc', n: 10 },
    );

    await system.api.send({ name: `${id}/ev`, data: other });
    await system.observer.fence();
    await system.api.send({ name: `${id}/ev`, data: fits });

    expect(await end()).toMatchObject({ status: 'Completed', output: fits });
  }

  test.concurrent('[E67] if: a function of the event that comes', (ctx) =>
    expectToTell(ctx, 'lowercase(async.data.s) == event.data.s', { fits: { s: 'ABC' }, other: { s: 'DEF' } }));

  test.concurrent('[E68] if: a macro that refers to the event of the run', (ctx) =>
    expectToTell(ctx, 'async.data.arr.exists(a, a == event.data.s)', {
      fits: { arr: ['x', 'abc'] },
      other: { arr: ['x', 'y'] },
    }));

  test.concurrent('if: numbers, paths and several conditions', (ctx) =>
    expectToTell(ctx, 'event.data.s == async.data.o.p && async.data.n > event.data.n', {
      fits: { o: { p: 'abc' }, n: 11 },
      other: { o: { p: 'abc' }, n: 10 },
    }));

  test.concurrent('match: the same value in both events', async (ctx) => {
    const { end } = await waiting(
      ctx,
      'match',
      async ({ step }) =>
        (
          await step.waitForEvent('wait', {
            event: 'match/ev',
            timeout: new Date(Date.now() + 60_000),
            match: 'data.id',
          })
        )?.data,
      { id: 'mine' },
    );

    await system.api.send({ name: 'match/ev', data: { id: 'other', n: 1 } });
    await system.observer.fence();
    await system.api.send({ name: 'match/ev', data: { id: 'mine', n: 2 } });

    expect(await end()).toMatchObject({ output: { id: 'mine', n: 2 } });
  });

  test.concurrent('[E69][P63] an expression that does not compile fails the run, without another attempt', async (ctx) => {
    const app = await system.sdkApp(ctx, {
      id: 'e69',
      functions: () => [
        {
          id: 'f',
          on: { event: 'e69/go' },
          run: ({ step }) => step.waitForEvent('wait', { event: 'e69/ev', timeout: '1h', if: 'event.data.x ==' }),
        },
      ],
    });

    const sentAt = Date.now();
    const { ids } = await app.send({ name: 'e69/go' });
    const run = await system.api.waitForRun(ids[0] ?? '');

    expect(run).toMatchObject({
      status: 'Failed',
      output: { error: { name: 'InvalidExpression', message: 'Wait for event If expression failed to compile' } },
    });
    expectWithin(Date.parse(run.ended_at ?? '') - sentAt, [0, 2_000]);
    expect(app.callCount).toBe(1);
  });

  test.concurrent('an expression that fails with an event does not match it, and harms no other', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'fails', {
      id: 'f',
      triggers: [{ event: 'fails/go' }],
      script: waits({ event: 'fails/ev', timeout: '1h', if: 'date(async.data.at) > date("2020-01-01T00:00:00Z")' }),
    });
    const eventId = await system.api.sendOne({ name: 'fails/go' });
    await app.waitForCalls(1);
    await system.observer.fence();

    await system.api.send({ name: 'fails/ev', data: { at: 'garbage' } });
    await system.observer.fence();
    await system.api.send({ name: 'fails/ev', data: { at: '2026-01-01T00:00:00Z' } });

    expect(await system.api.waitForRun(eventId)).toMatchObject({ output: { data: { at: '2026-01-01T00:00:00Z' } } });
  });

  test.concurrent('[P64] a step beside a wait may send the event that it waits for', async (ctx) => {
    const app = await system.sdkApp(ctx, {
      id: 'p64',
      functions: () => [
        {
          id: 'f',
          on: { event: 'p64/go' },
          run: async ({ step, event }) => {
            const [, heard] = await Promise.all([
              step.sendEvent('say', { name: 'p64/said', data: { n: event.data['n'] as number } }),
              step.waitForEvent('hear', { event: 'p64/said', timeout: '10s', match: 'data.n' }),
            ]);
            return heard?.data['n'];
          },
        },
      ],
    });

    const sent = await Promise.all(Array.from({ length: 10 }, (_, n) => app.send({ name: 'p64/go', data: { n } })));
    const runs = await Promise.all(sent.map(({ ids }) => system.api.waitForRun(ids[0] ?? '')));

    expect(runs.map(({ output }) => output)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
