import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';
import type { FunctionContext, FunctionSpec } from './harness/sdk-app.ts';
import { Timeline } from './harness/timeline.ts';

type Ctx = Parameters<ReturnType<typeof useServer>['sdkApp']>[0];

describe('concurrency', () => {
  const system = useServer();

  /** Functions of one app, each started by `{id}/go`, without retries and without steps that are reported during a call. */
  const serve = (
    ctx: Ctx,
    appId: string,
    ...functions: { id: string; concurrency: unknown; run: FunctionSpec['run'] }[]
  ) =>
    system.sdkApp(ctx, {
      id: appId,
      clientOptions: { checkpointing: false },
      functions: () =>
        functions.map(({ id, concurrency, run }) => ({
          id,
          on: { event: `${id}/go` },
          retries: 0,
          options: { concurrency },
          run,
        })),
    });

  const keyOf = ({ event }: FunctionContext): string => String(event.data['k']);
  const completed = (ids: string[]) => Promise.all(ids.map((id) => system.api.waitForRun(id)));

  test.concurrent('[E83] limit 1: three runs of a second each never overlap, and each follows the one before at once', async (ctx) => {
    const seen = new Timeline();
    await serve(ctx, 'e83', { id: 'e83', concurrency: 1, run: () => seen.during('call', 1_000) });

    await completed(await system.api.send(...Array.from({ length: 3 }, () => ({ name: 'e83/go' }))));

    expect(seen.names).toHaveLength(3);
    expect(seen.atOnce()).toBe(1);
    const [starts, ends] = [seen.starts(), seen.ends()];
    expect((ends.at(-1) ?? 0) - (starts[0] ?? 0)).toBeGreaterThanOrEqual(3_000);
    expectWithin((starts[1] ?? 0) - (ends[0] ?? 0), [0, 100], 'the second after the first');
    expectWithin((starts[2] ?? 0) - (ends[1] ?? 0), [0, 100], 'the third after the second');
  });

  test.concurrent('[E84] limit 1: an older run goes on before a younger one begins: A1, A2, B1, B2', async (ctx) => {
    const seen = new Timeline();
    const isQueued = Promise.withResolvers<void>();
    await serve(ctx, 'e84', {
      id: 'e84',
      concurrency: { limit: 1 },
      run: async ({ event, step }) => {
        const name = String(event.data['name']);
        await step.run('1', () => seen.during(`${name}1`, () => isQueued.promise));
        await step.run('2', () => seen.during(`${name}2`, 50));
      },
    });

    const first = await system.api.sendOne({ name: 'e84/go', data: { name: 'A' } });
    await until('the first step', () => seen.names[0]);
    const second = await system.api.sendOne({ name: 'e84/go', data: { name: 'B' } });
    await system.api.waitForRuns(second, 1, { isWanted: () => true });
    isQueued.resolve();
    await completed([first, second]);

    expect(seen.names).toEqual(['A1', 'A2', 'B1', 'B2']);
    expect(seen.atOnce()).toBe(1);
  });

  test.concurrent('[E85] limit 1: a run that sleeps holds nobody up', async (ctx) => {
    const seen = new Timeline();
    await serve(ctx, 'e85', {
      id: 'e85',
      concurrency: 1,
      run: async ({ event, step }) => {
        const name = String(event.data['name']);
        seen.note(`${name} called`);
        if (name === 'sleeper') await step.sleep('nap', '4s');
        seen.note(`${name} ends`);
      },
    });

    const sleeper = await system.api.sendOne({ name: 'e85/go', data: { name: 'sleeper' } });
    await until('the nap', () => seen.names[0]);
    const other = await system.api.sendOne({ name: 'e85/go', data: { name: 'other' } });
    const runs = await completed([sleeper, other]);

    expect(runs.map(({ status }) => status)).toEqual(['Completed', 'Completed']);
    expect(seen.names).toEqual(['sleeper called', 'other called', 'other ends', 'sleeper called', 'sleeper ends']);
  });

  test.concurrent('[E86] a limit of 1 a key: each key one after the other, the keys side by side', async (ctx) => {
    const seen = new Timeline();
    await serve(ctx, 'e86', {
      id: 'e86',
      concurrency: { limit: 1, key: 'event.data.k' },
      run: (call) => seen.during(keyOf(call), 400),
    });

    const events = ['k1', 'k1', 'k1', 'k2', 'k2', 'k2'].map((k) => ({ name: 'e86/go', data: { k } }));
    await completed(await system.api.send(...events));

    expect(seen.names.toSorted()).toEqual(['k1', 'k1', 'k1', 'k2', 'k2', 'k2']);
    for (const key of ['k1', 'k2'])
      expect(
        seen.atOnce((name) => name === key),
        key,
      ).toBe(1);
    expect(seen.atOnce()).toBe(2);
  });

  test.concurrent('[E87] a limit of 1 a key and one of 3 for all: five keys keep both, and use what they may', async (ctx) => {
    const seen = new Timeline();
    await serve(ctx, 'e87', {
      id: 'e87',
      concurrency: [{ limit: 1, key: 'event.data.k' }, { limit: 3 }],
      run: (call) => seen.during(keyOf(call), 300),
    });

    const events = Array.from({ length: 15 }, (_, i) => ({ name: 'e87/go', data: { k: i % 5 } }));
    await completed(await system.api.send(...events));

    expect(seen.names).toHaveLength(15);
    for (let k = 0; k < 5; k += 1)
      expect(
        seen.atOnce((name) => name === String(k)),
        `key ${k}`,
      ).toBe(1);
    expect(seen.atOnce()).toBe(3);
  });

  test.concurrent('a missing key is a key that all such runs share', async (ctx) => {
    const seen = new Timeline();
    await serve(ctx, 'nokey', {
      id: 'nokey',
      concurrency: { limit: 1, key: 'event.data.k' },
      run: () => seen.during('none', 200),
    });

    await completed(await system.api.send({ name: 'nokey/go' }, { name: 'nokey/go', data: { k: null } }));

    expect(seen.names).toHaveLength(2);
    expect(seen.atOnce()).toBe(1);
  });

  test.concurrent('[E88] account scope: functions of two apps with the same key share one counter, the same value of another text does not', async (ctx) => {
    const seen = new Timeline();
    const sharing = (id: string, key: string) => ({
      id,
      concurrency: { limit: 1, scope: 'account', key },
      run: () => seen.during(id, 400),
    });
    await serve(ctx, 'e88-one', sharing('e88a', '"openai"'), sharing('e88c', '"open" + "ai"'));
    await serve(ctx, 'e88-two', sharing('e88b', '"openai"'));

    const events = ['e88a', 'e88b', 'e88c', 'e88a', 'e88b', 'e88c'].map((id) => ({ name: `${id}/go` }));
    await completed(await system.api.send(...events));

    expect(seen.names).toHaveLength(6);
    expect(seen.atOnce((name) => name !== 'e88c')).toBe(1);
    expect(seen.atOnce((name) => name === 'e88c')).toBe(1);
    expect(seen.atOnce()).toBe(2);
  });

  test.concurrent('[E89] a limit of runs: the second starts when the first has ended, its sleep included', async (ctx) => {
    const seen = new Timeline();
    await serve(ctx, 'e89', {
      id: 'e89',
      concurrency: { fn: [{ limit: 1 }] },
      run: async ({ event, step }) => {
        const name = String(event.data['name']);
        await step.run('first', () => seen.note(`${name} first`));
        await step.sleep('nap', '1500ms');
        await step.run('last', () => seen.note(`${name} last`));
      },
    });

    const ids = [];
    for (const name of ['A', 'B']) {
      const id = await system.api.sendOne({ name: 'e89/go', data: { name } });
      await system.api.waitForRuns(id, 1, { isWanted: () => true });
      ids.push(id);
    }
    await completed(ids);

    expect(seen.names).toEqual(['A first', 'A last', 'B first', 'B last']);
  });

  test.concurrent('[E89] a limit of runs: a cancelled run gives its place up', async (ctx) => {
    const seen = new Timeline();
    await serve(ctx, 'e89-cancel', {
      id: 'e89-cancel',
      concurrency: { fn: [{ limit: 1, key: 'event.data.k' }] },
      run: async ({ event, step }) => {
        seen.note(String(event.data['name']));
        if (event.data['name'] === 'A') await step.sleep('long', '1h');
      },
    });
    const first = await system.api.sendOne({ name: 'e89-cancel/go', data: { name: 'A', k: 1 } });
    const [{ run_id: runId } = { run_id: '' }] = await system.api.waitForRuns(first, 1, {
      isWanted: ({ status }) => status === 'Running',
    });
    const second = await system.api.sendOne({ name: 'e89-cancel/go', data: { name: 'B', k: 1 } });
    const other = await system.api.sendOne({ name: 'e89-cancel/go', data: { name: 'other', k: 2 } });
    await system.api.waitForRun(other);
    await system.observer.fence();
    expect(seen.names).toEqual(['A', 'other']);

    const cancelledAt = performance.now();
    await system.api.request('DELETE', `/v1/runs/${runId}`);
    const run = await system.api.waitForRun(second);

    expect(run.status).toBe('Completed');
    expectWithin((seen.starts('B')[0] ?? 0) - cancelledAt, [0, 1_000], 'the start after the cancellation');
  });

  test.concurrent('[E90] a limit that a deployment raises from 1 to 5 is used by the runs that wait, within 2 s', async (ctx) => {
    const seen = new Timeline();
    const deploy = (limit: number) =>
      serve(ctx, 'e90', { id: 'e90', concurrency: limit, run: () => seen.during('call', 500) });
    await deploy(1);
    const ids = await system.api.send(...Array.from({ length: 24 }, () => ({ name: 'e90/go' })));
    await until('two calls', () => seen.names.length >= 2 || undefined);
    expect(seen.atOnce()).toBe(1);

    await deploy(5);
    const deployedAt = performance.now();
    await until('five calls at once', () => seen.atOnce() === 5 || undefined);
    expectWithin(performance.now() - deployedAt, [0, 2_000], 'the new limit');
    await completed(ids);

    expect(seen.names).toHaveLength(24);
    expect(seen.atOnce()).toBe(5);
  });

  test.concurrent('[E90] a limit that a deployment lowers interrupts nothing, and admits nobody until enough have ended', async (ctx) => {
    const seen = new Timeline();
    const gate = Promise.withResolvers<void>();
    const call = () => (seen.names.length < 4 ? seen.during('early', () => gate.promise) : seen.during('late', 100));
    const deploy = (limit: number) => serve(ctx, 'lowered', { id: 'lowered', concurrency: limit, run: call });
    await deploy(4);
    const ids = await system.api.send(...Array.from({ length: 10 }, () => ({ name: 'lowered/go' })));
    await until('four calls at once', () => seen.atOnce() === 4 || undefined);

    await deploy(1);
    gate.resolve();
    const runs = await completed(ids);

    expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['Completed']));
    expect(seen.starts('late')).toHaveLength(6);
    expect(seen.atOnce((name) => name === 'late')).toBe(1);
    expect(Math.min(...seen.starts('late'))).toBeGreaterThanOrEqual(Math.max(...seen.ends('early')));
  });
});
