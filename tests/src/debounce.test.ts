import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';
import type { FunctionSpec } from './harness/sdk-app.ts';
import { pass } from './harness/seed.ts';
import { gaps } from './harness/timeline.ts';

type Ctx = Parameters<ReturnType<typeof useServer>['sdkApp']>[0];

interface Started {
  n: unknown;
  key: unknown;
  atMs: number;
}

describe('debounce', () => {
  const system = useServer();

  /** An application with one function of its name, started by `{name}/go`, and what its runs were started with. */
  async function serve(ctx: Ctx, name: string, options: Record<string, unknown>) {
    const started: Started[] = [];
    const run: FunctionSpec['run'] = ({ event, events }) => {
      started.push({ n: event.data['n'], key: event.data['k'], atMs: performance.now() });
      return events.length;
    };
    await system.sdkApp(ctx, {
      id: name,
      functions: () => [{ id: name, on: { event: `${name}/go` }, retries: 0, options, run }],
    });
    return started;
  }

  test.concurrent('[E102] 2 s: events at 0, 0.5 and 1 s become one run 2 s after the last, with its data', async (ctx) => {
    const started = await serve(ctx, 'e102', { debounce: { period: '2s' } });

    const ids: string[] = [];
    let lastAt = 0;
    for (let n = 0; n < 3; n += 1) {
      if (n > 0) await pass('half a second', 500);
      lastAt = performance.now();
      ids.push(await system.api.sendOne({ name: 'e102/go', data: { n } }));
    }
    const first = await until('the run', () => started[0]);
    await system.observer.fence();

    expect(started.map(({ n }) => n)).toEqual([2]);
    expectWithin(first.atMs - lastAt, [2_000, 2_500], 'the run after the last event');
    expect(await system.api.waitForRun(ids[2] ?? '')).toMatchObject({ status: 'Completed', output: 1 });
    for (const id of ids.slice(0, 2)) expect(await system.api.runsOf(id)).toEqual([]);
  });

  test.concurrent('[E103] an event that is older by its time and comes last replaces nothing', async (ctx) => {
    const started = await serve(ctx, 'e103', { debounce: { period: '2s' } });
    const ts = Date.now();

    await system.api.send({ name: 'e103/go', data: { n: 'new' }, ts });
    await system.observer.fence();
    await system.api.send({ name: 'e103/go', data: { n: 'old' }, ts: ts - 10_000 });
    await until('the run', () => started[0]);
    await system.observer.fence();

    expect(started.map(({ n }) => n)).toEqual(['new']);
  });

  test.concurrent('[E104] a timeout of 3 s bounds a stream of events each half a second: it runs again and again, never later', async (ctx) => {
    const started = await serve(ctx, 'e104', { debounce: { period: '2s', timeout: '3s' } });

    const firstAt = performance.now();
    let sent = 0;
    for (; performance.now() - firstAt < 8_000; sent += 1) {
      await system.api.sendOne({ name: 'e104/go', data: { n: sent } });
      await pass('half a second', 500);
    }
    await until('the last run', () => started.find(({ n }) => n === sent - 1));

    const times = started.map(({ atMs }) => atMs);
    expect(started.length).toBeGreaterThanOrEqual(3);
    expectWithin((times[0] ?? 0) - firstAt, [3_000, 3_500], 'the first run after the first event');
    // The event that opens the next entry comes up to half a second after a run.
    for (const gap of gaps(times.slice(0, -1))) expectWithin(gap, [1_500, 4_000], 'a run after the run before');
  });

  test.concurrent('[E105] each key is debounced by itself', async (ctx) => {
    const started = await serve(ctx, 'e105', { debounce: { period: '2s', key: 'event.data.k' } });

    const data = [{ k: 'a', n: 1 }, { k: 'b', n: 2 }, { k: 'a', n: 3 }, { k: 'b', n: 4 }, { n: 5 }, { k: null, n: 6 }];
    for (const each of data) {
      await system.api.sendOne({ name: 'e105/go', data: each });
      await pass('a moment', 50);
    }
    await until('three runs', () => started[2]);
    await system.observer.fence();

    expect(new Set(started.map(({ n }) => n))).toEqual(new Set([3, 4, 6]));
    expect(started).toHaveLength(3);
  });

  test.concurrent('a step that invokes a debounced function gets the result of the run that came of it', async (ctx) => {
    await system.sdkApp(ctx, {
      id: 'debounced-invoke',
      functions: () => [
        {
          id: 'quiet',
          on: { event: 'debounced-invoke/never' },
          retries: 0,
          options: { debounce: { period: '2s' } },
          run: ({ event }) => event.data['n'],
        },
        {
          id: 'parent',
          on: { event: 'debounced-invoke/go' },
          retries: 0,
          run: async ({ event, step }) => {
            const { referenceFunction } = await import('inngest');
            const quiet = referenceFunction({ appId: 'debounced-invoke', functionId: 'quiet' });
            return step.invoke('ask', { function: quiet, data: { n: Number(event.data['n']) } });
          },
        },
      ],
    });

    const ids: string[] = [];
    for (const n of [1, 2]) {
      ids.push(await system.api.sendOne({ name: 'debounced-invoke/go', data: { n } }));
      await pass('a moment', 300);
    }
    const runs = await Promise.all(ids.map((id) => system.api.waitForRun(id)));

    // Both wait for the one run there was.
    expect(runs.map(({ status }) => status)).toEqual(['Completed', 'Completed']);
    expect(runs.map(({ output }) => output)).toEqual([2, 2]);
  });
});
