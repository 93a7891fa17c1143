import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { Tally, useServer } from './harness/fixture.ts';
import type { FunctionContext, FunctionSpec } from './harness/sdk-app.ts';
import { Timeline } from './harness/timeline.ts';

type Ctx = Parameters<ReturnType<typeof useServer>['sdkApp']>[0];

describe('how often runs start', () => {
  const system = useServer();

  /** An application with one function of its name, that is started by `{name}/go`. */
  const serve = (ctx: Ctx, name: string, options: Record<string, unknown>, run: FunctionSpec['run']) =>
    system.sdkApp(ctx, {
      id: name,
      clientOptions: { checkpointing: false },
      functions: () => [{ id: name, on: { event: `${name}/go` }, retries: 0, options, run }],
    });

  const keyOf = ({ event }: FunctionContext): string => {
    const { k } = event.data as { k?: string | number | boolean | null };
    return String(k ?? 'none');
  };

  /** So many events, one request. */
  const sendMany = (name: string, count: number) =>
    system.api.send(...Array.from({ length: count }, (_, n) => ({ name: `${name}/go`, data: { n } })));

  /** Sends an event and resolves when it has its run: the next one comes after it for certain. */
  async function sendInTurn(event: Parameters<typeof system.api.sendOne>[0]): Promise<string> {
    const id = await system.api.sendOne(event);
    await system.api.waitForRuns(id, 1, { isWanted: () => true });
    return id;
  }

  const ended = (ids: string[], waitMs = 30_000) => Promise.all(ids.map((id) => system.api.waitForRun(id, { waitMs })));

  /**
   * Each start when it is due: none too early after the events were sent, which is when the first can have been admitted, and none more
   * than half a second late after the first.
   */
  function expectStarts(times: readonly number[], dueS: readonly number[], sentAt: number): void {
    expect(times).toHaveLength(dueS.length);
    for (const [i, time] of times.entries()) {
      const due = (dueS[i] ?? 0) * 1_000;
      expect(time - sentAt, `start ${i}`).toBeGreaterThanOrEqual(due);
      expectWithin(time - (times[0] ?? 0), [0, due + 500], `start ${i}`);
    }
  }

  describe('throttle', () => {
    test.concurrent('[E93] 2 per 6 s: five runs start at 0, 0, 3, 6 and 9 s', async (ctx) => {
      const seen = new Timeline();
      await serve(ctx, 'e93', { throttle: { limit: 2, period: '6s' } }, () => seen.note('start'));

      const sentAt = performance.now();
      await ended(await sendMany('e93', 5));

      expectStarts(seen.starts(), [0, 0, 3, 6, 9], sentAt);
    });

    test.concurrent('[E94] a burst of 1 on top: three start at once, then one each 3 s', async (ctx) => {
      const seen = new Timeline();
      await serve(ctx, 'e94', { throttle: { limit: 2, period: '6s', burst: 1 } }, () => seen.note('start'));

      const sentAt = performance.now();
      await ended(await sendMany('e94', 5));

      expectStarts(seen.starts(), [0, 0, 0, 3, 6], sentAt);
    });

    test.concurrent('[E95] later steps and retries are not starts', async (ctx) => {
      const seen = new Timeline();
      const tries = new Tally();
      const app = await system.sdkApp(ctx, {
        id: 'e95',
        clientOptions: { checkpointing: false },
        functions: ({ RetryAfterError }) => [
          {
            id: 'e95',
            on: { event: 'e95/go' },
            retries: 1,
            options: { throttle: { limit: 1, period: '1h' } },
            run: async ({ step }) => {
              await step.run('one', () => seen.note('one'));
              await step.run('two', () => {
                seen.note('two');
                if (tries.hit('two') === 0) throw new RetryAfterError('again', '1s');
              });
              await step.run('three', () => seen.note('three'));
            },
          },
        ],
      });

      const { ids } = await app.send({ name: 'e95/go' });
      const run = await system.api.waitForRun(ids[0] ?? '');

      expect(run.status).toBe('Completed');
      expect(seen.names).toEqual(['one', 'two', 'two', 'three']);
      expectWithin((seen.ends('three')[0] ?? 0) - (seen.starts('one')[0] ?? 0), [1_000, 4_000], 'the whole run');
    });

    test.concurrent('[E96] each key has a bucket of its own, and runs without the key share one', async (ctx) => {
      const seen = new Timeline();
      const options = { throttle: { limit: 1, period: '4s', key: 'event.data.k' } };
      await serve(ctx, 'e96', options, (call) => seen.note(keyOf(call)));

      const events = [{ k: 'a' }, { k: 'b' }, {}, { k: null }].map((data) => ({ name: 'e96/go', data }));
      const sentAt = performance.now();
      await ended(await system.api.send(...events));

      const [first = 0] = seen.starts();
      for (const key of ['a', 'b']) expectWithin((seen.starts(key)[0] ?? 0) - first, [0, 500], key);
      expectStarts(seen.starts('none'), [0, 4], sentAt);
    });

    test.concurrent('[E97] twenty throttled runs start in the order in which they came', async (ctx) => {
      const seen = new Timeline();
      const options = { throttle: { limit: 2, period: '1s' } };
      await serve(ctx, 'e97', options, ({ event }) => seen.note(String(event.data['n'])));

      const ids: string[] = [];
      for (let n = 0; n < 20; n += 1) ids.push(await sendInTurn({ name: 'e97/go', data: { n } }));
      await ended(ids);

      expect(seen.names).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
    });
  });

  describe('rateLimit', () => {
    test.concurrent('[E98] 10 per 60 s: of twelve events at once ten become runs, two never do', async (ctx) => {
      const seen = new Tally();
      await serve(ctx, 'e98', { rateLimit: { limit: 10, period: '60s' } }, () => seen.hit('run'));

      const ids = await sendMany('e98', 12);
      await system.observer.fence();

      const runs = (await Promise.all(ids.map((id) => system.api.runsOf(id)))).flat();
      await Promise.all(runs.map((run) => system.api.waitForEnd(run.run_id)));
      expect(runs).toHaveLength(10);
      expect(seen.counts).toEqual({ run: 10 });
    });

    test.concurrent('[E98] an invoked function that is over its limit fails the step that invokes it', async (ctx) => {
      await system.sdkApp(ctx, {
        id: 'e98-invoked',
        functions: () => [
          {
            id: 'limited',
            on: { event: 'e98-invoked/never' },
            retries: 0,
            options: { rateLimit: { limit: 1, period: '1h' } },
            run: () => 'ran',
          },
          {
            id: 'parent',
            on: { event: 'e98-invoked/go' },
            retries: 0,
            run: async ({ step }) => {
              const { referenceFunction } = await import('inngest');
              const limited = referenceFunction({ appId: 'e98-invoked', functionId: 'limited' });
              const answers = [];
              for (const name of ['first', 'second']) {
                answers.push(await step.invoke(name, { function: limited }).catch((error: Error) => error.message));
              }
              return answers;
            },
          },
        ],
      });

      const run = await system.api.waitForRun(await system.api.sendOne({ name: 'e98-invoked/go' }));

      expect(run.output).toEqual(['ran', expect.stringContaining('rate limited')]);
    });

    test.concurrent('[E99] keys are limited each by itself; events without the key are not limited', async (ctx) => {
      const seen = new Tally();
      const options = { rateLimit: { limit: 1, period: '1h', key: 'event.data.k' } };
      await serve(ctx, 'e99', options, (call) => seen.hit(keyOf(call)));

      const data = [{ k: 'a' }, { k: 'b' }, { k: 'a' }, { k: 'b' }, {}, {}, { k: null }, { k: false }];
      await system.api.send(...data.map((each) => ({ name: 'e99/go', data: each })));
      await system.observer.fence();

      expect(seen.counts).toEqual({ a: 1, b: 1, none: 3, false: 1 });
    });

    test.concurrent('[E100] an event that comes again under its ID takes nothing of the budget', async (ctx) => {
      const seen = new Tally();
      await serve(ctx, 'e100', { rateLimit: { limit: 2, period: '1h' } }, ({ event }) => seen.hit(event.id ?? ''));

      for (const id of ['x', 'x', 'x', 'y', 'z']) {
        await system.api.send({ name: 'e100/go', id: `e100-${id}` });
        await system.observer.fence();
      }

      expect(seen.counts).toEqual({ 'e100-x': 1, 'e100-y': 1 });
    });
  });

  describe('idempotency', () => {
    test.concurrent('[E101] the second event with a key starts nothing, even after the first run has failed', async (ctx) => {
      const seen = new Tally();
      await serve(ctx, 'e101', { idempotency: 'event.data.k' }, (call) => {
        seen.hit(keyOf(call));
        throw new Error('as always');
      });

      const first = await system.api.waitForRun(await system.api.sendOne({ name: 'e101/go', data: { k: 1 } }));
      const second = await system.api.sendOne({ name: 'e101/go', data: { k: 1 } });
      await system.api.send({ name: 'e101/go', data: { k: 2 } }, { name: 'e101/go' }, { name: 'e101/go' });
      await system.observer.fence();

      expect(first.status).toBe('Failed');
      expect(await system.api.runsOf(second)).toEqual([]);
      expect(seen.counts).toEqual({ 1: 1, 2: 1, none: 2 });
    });

    test.concurrent('[E101] beside a rate limit both hold, and what is ignored takes nothing of the budget', async (ctx) => {
      const seen = new Tally();
      const options = { idempotency: 'event.data.k', rateLimit: { limit: 2, period: '1h' } };
      await serve(ctx, 'e101-both', options, ({ event }) => seen.hit(String(event.data['k'])));

      for (const k of ['a', 'a', 'a', 'b', 'c']) {
        await system.api.send({ name: 'e101-both/go', data: { k } });
        await system.observer.fence();
      }

      expect(seen.counts).toEqual({ a: 1, b: 1 });
    });
  });
});
