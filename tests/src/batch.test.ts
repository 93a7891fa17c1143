import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';
import type { FunctionSpec } from './harness/sdk-app.ts';

type Ctx = Parameters<ReturnType<typeof useServer>['sdkApp']>[0];

interface Started {
  /** The `n` of each event, in the order in which the function gets them. */
  batch: unknown[];
  atMs: number;
}

describe('batchEvents', () => {
  const system = useServer();

  /** An application with one function of its name, started by `{name}/go`, and what its runs were started with. */
  async function serve(ctx: Ctx, name: string, batchEvents: Record<string, unknown>, more: object = {}) {
    const started: Started[] = [];
    const run: FunctionSpec['run'] = ({ event, events }) => {
      expect(event).toEqual(events[0]);
      started.push({ batch: events.map(({ data }) => data['n']), atMs: performance.now() });
      return events.length;
    };
    await system.sdkApp(ctx, {
      id: name,
      functions: () => [{ id: name, on: { event: `${name}/go` }, retries: 0, options: { batchEvents, ...more }, run }],
    });
    return started;
  }

  const batches = (started: Started[]): unknown[][] => started.map(({ batch }) => batch);

  /** Sends an event and resolves when it has been handled: the next one comes after it for certain. */
  async function sendInTurn(event: Parameters<typeof system.api.sendOne>[0]): Promise<string> {
    const id = await system.api.sendOne(event);
    await system.api.waitForEvent(id);
    await system.observer.fence();
    return id;
  }

  test.concurrent('[E106] size 3: three events become one run at once, in their order', async (ctx) => {
    const started = await serve(ctx, 'e106', { maxSize: 3, timeout: '60s' });

    const ids: string[] = [];
    for (const n of [1, 2]) ids.push(await sendInTurn({ name: 'e106/go', data: { n } }));
    const filledAt = performance.now();
    ids.push(await system.api.sendOne({ name: 'e106/go', data: { n: 3 } }));
    const first = await until('the run', () => started[0]);

    expectWithin(first.atMs - filledAt, [0, 500], 'the run after the last event');
    expect(batches(started)).toEqual([[1, 2, 3]]);
    // Each of its events names the run.
    const runs = await Promise.all(ids.map((id) => system.api.waitForRun(id)));
    expect(runs[0]).toMatchObject({ status: 'Completed', output: 3 });
    expect(new Set(runs.map(({ run_id: runId }) => runId)).size).toBe(1);
  });

  test.concurrent('[E107] 2 of 10 events run when the timeout of 3 s is over', async (ctx) => {
    const started = await serve(ctx, 'e107', { maxSize: 10, timeout: '3s' });

    const firstAt = performance.now();
    await system.api.send({ name: 'e107/go', data: { n: 1 } }, { name: 'e107/go', data: { n: 2 } });
    const first = await until('the run', () => started[0]);
    await system.observer.fence();

    expectWithin(first.atMs - firstAt, [3_000, 4_000], 'the run after the first event');
    expect(started).toHaveLength(1);
    expect(first.batch.toSorted()).toEqual([1, 2]);
  });

  test.concurrent('what comes when a batch is full begins the next; each key has batches of its own', async (ctx) => {
    const started = await serve(ctx, 'keyed-batches', { maxSize: 2, timeout: '60s', key: 'event.data.k' });

    for (const n of ['a1', 'b1', 'a2', 'a3', 'b2', 'a4']) {
      await sendInTurn({ name: 'keyed-batches/go', data: { n, k: n[0] ?? '' } });
    }
    await until('three runs', () => started[2]);
    await system.observer.fence();

    expect(batches(started)).toEqual([
      ['a1', 'a2'],
      ['b1', 'b2'],
      ['a3', 'a4'],
    ]);
  });

  test.concurrent('[E108] an event whose `if` is false runs by itself at once', async (ctx) => {
    const started = await serve(ctx, 'e108', { maxSize: 2, timeout: '60s', if: 'event.data.bulk == true' });

    const sentAt = performance.now();
    await system.api.send(
      { name: 'e108/go', data: { n: 1, bulk: true } },
      { name: 'e108/go', data: { n: 2, bulk: false } },
      { name: 'e108/go', data: { n: 3 } },
    );
    await until('two runs', () => started[1]);
    await system.observer.fence();

    expect(batches(started).toSorted()).toEqual([[2], [3]]);
    for (const { atMs } of started) expectWithin(atMs - sentAt, [0, 500], 'the run after its event');
    await system.api.sendOne({ name: 'e108/go', data: { n: 4, bulk: true } });
    await until('the batch', () => started[2]);
    expect(batches(started)[2]).toEqual([1, 4]);
  });

  test.concurrent('[E109] an event that comes twice under its ID is in the batch once', async (ctx) => {
    const started = await serve(ctx, 'e109', { maxSize: 3, timeout: '60s' });

    for (const [n, id] of [
      [1, 'x'],
      [2, 'x'],
      [3, 'y'],
    ] as const) {
      await sendInTurn({ name: 'e109/go', id: `e109-${id}`, data: { n } });
    }
    expect(started).toEqual([]);
    await sendInTurn({ name: 'e109/go', data: { n: 4 } });
    await until('the run', () => started[0]);
    // It is no duplicate of a batch that has run either.
    await sendInTurn({ name: 'e109/go', id: 'e109-x', data: { n: 5 } });
    await system.api.send({ name: 'e109/go', data: { n: 6 } }, { name: 'e109/go', data: { n: 7 } });
    await system.observer.fence();

    expect(batches(started)).toEqual([[1, 3, 4]]);
  });

  test.concurrent('[E111] an event whose key cannot be evaluated runs unbatched, once', async (ctx) => {
    const started = await serve(ctx, 'e111', { maxSize: 2, timeout: '60s', key: 'date(event.data.at)' });

    await system.api.send({ name: 'e111/go', data: { n: 1, at: 'garbage' } });
    await until('the run', () => started[0]);
    await system.api.send(
      { name: 'e111/go', data: { n: 2, at: '2026-01-01T00:00:00Z' } },
      { name: 'e111/go', data: { n: 3, at: '2026-01-01T00:00:00Z' } },
    );
    await until('the batch', () => started[1]);
    await system.observer.fence();

    expect(started[0]?.batch).toEqual([1]);
    expect(started[1]?.batch.toSorted()).toEqual([2, 3]);
    expect(started).toHaveLength(2);
  });

  test.concurrent('a batch is one run for concurrency and throttle', async (ctx) => {
    const started = await serve(
      ctx,
      'batch-throttle',
      { maxSize: 2, timeout: '60s' },
      { throttle: { limit: 1, period: '3s' }, concurrency: 1 },
    );

    const sentAt = performance.now();
    await system.api.send(...[1, 2, 3, 4].map((n) => ({ name: 'batch-throttle/go', data: { n } })));
    await until('both runs', () => started[1]);

    expect(batches(started).map((batch) => batch.length)).toEqual([2, 2]);
    expectWithin((started[1]?.atMs ?? 0) - sentAt, [3_000, 3_500], 'the second batch');
  });
});
