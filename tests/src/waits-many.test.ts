import type { JsonValue } from '@perdure/domain';
import type { ScriptedCall } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { waits } from './harness/waits.ts';

describe('many that wait', () => {
  const system = useServer();

  test('[E62] of 100 that wait, one event continues the one that it is for', async (ctx) => {
    const { eventIds, resumed, app } = await startWaiting(ctx, 'e62', 100, {
      if: 'event.data.id == async.data.id',
    });

    await system.api.send({ name: 'e62/answer', data: { id: 37 } });

    expect(await system.api.waitForRun(eventIds[37] ?? '')).toMatchObject({ output: { data: { id: 37 } } });
    await system.observer.fence();
    expect(resumed()).toEqual([37]);
    expect(app.callCount).toBe(101);
  });

  test('[E64] one event continues 1,000 that wait for the same, each once', { timeout: 60_000 }, async (ctx) => {
    const count = 1_000;
    const { app, resumed, whenResumed } = await startWaiting(ctx, 'e64', count, {});

    const sentAt = performance.now();
    await system.api.send({ name: 'e64/answer', data: { id: 1 } });
    await whenResumed(count);

    expectWithin(performance.now() - sentAt, [0, 10_000]);
    await system.observer.fence();
    expect(new Set(resumed()).size).toBe(count);
    expect(app.callCount).toBe(2 * count);
  });

  test('[E66] an event at the instant of the timeout: the run has the one or the other, and goes on once, 100 times', async (ctx) => {
    const count = 100;
    const firstEndMs = Date.now() + 5_000;
    const endOf = (id: number): number => firstEndMs + id * 40;
    const { app, eventIds } = await startWaiting(ctx, 'e66', count, {
      if: 'event.data.id == async.data.id',
      timeout: (id) => new Date(endOf(id)).toISOString(),
    });

    const send = (id: number): Promise<unknown> =>
      new Promise((resolve) => {
        const at = endOf(id) - 5 + (id % 11);
        setTimeout(() => resolve(system.api.send({ name: 'e66/answer', data: { id } })), at - Date.now());
      });
    await Promise.all(Array.from({ length: count }, (_, id) => send(id)));
    const runs = await Promise.all(eventIds.map((eventId) => system.api.waitForRun(eventId)));

    for (const [id, run] of runs.entries()) {
      expect(run.status).toBe('Completed');
      const got = run.output as { data: JsonValue } | null;
      expect(got === null || got.data).toEqual(got === null || { id });
    }
    await system.observer.fence();
    expect(app.callCount).toBe(2 * count);
    for (const run of runs) expect(system.observer.endsOf(run.run_id).finished).toHaveLength(1);
  });

  test('[E63] of 10,000 that wait, one event continues the one that it is for', { timeout: 120_000 }, async (ctx) => {
    const { resumed, whenResumed, app } = await startWaiting(ctx, 'e63', 10_000, {
      if: 'event.data.id == async.data.id',
    });

    const tookMs: number[] = [];
    for (const id of [5_000, 0, 9_999]) {
      const sentAt = performance.now();
      await system.api.send({ name: 'e63/answer', data: { id } });
      await whenResumed(tookMs.length + 1);
      tookMs.push(performance.now() - sentAt);
    }

    for (const ms of tookMs) expectWithin(ms, [0, 500]);
    await system.observer.fence();
    expect(resumed()).toEqual([5_000, 0, 9_999]);
    expect(app.callCount).toBe(10_003);
  });

  /** Starts runs numbered from 0 that wait for `{name}/answer`, and resolves when all of them do. */
  async function startWaiting(
    ctx: Parameters<typeof system.scriptedApp>[0],
    name: string,
    count: number,
    { if: condition, timeout = () => '1h' }: { if?: string; timeout?: (id: number) => string },
  ) {
    const resumed: number[] = [];
    const idOf = (call: ScriptedCall): number => call.event.data['id'] as number;
    let look = (): void => undefined;
    const script = waits(
      (call) => ({
        event: `${name}/answer`,
        timeout: timeout(idOf(call)),
        ...(condition !== undefined && { if: condition }),
      }),
      (call) => {
        resumed.push(idOf(call));
        look();
      },
    );
    const app = await system.scriptedApp(ctx, name, { id: 'f', triggers: [{ event: `${name}/go` }], script });
    const eventIds: string[] = [];
    for (let from = 0; from < count; from += 2_500) {
      const ids = Array.from({ length: Math.min(2_500, count - from) }, (_, i) => from + i);
      eventIds.push(...(await system.api.send(...ids.map((id) => ({ name: `${name}/go`, data: { id } })))));
    }
    await expect.poll(() => app.callCount, { timeout: 60_000, interval: 50 }).toBe(count);
    await system.observer.fence();
    const whenResumed = (wanted: number): Promise<void> =>
      new Promise((resolve) => {
        look = () => void (resumed.length >= wanted && resolve());
        look();
      });
    return { app, eventIds, resumed: () => resumed, whenResumed };
  }
});
