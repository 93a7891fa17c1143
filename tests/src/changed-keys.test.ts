import type { JsonObject } from '@perdure/domain';
import { completes, type ScriptedCall, type ScriptedFunction } from '@perdure/testing';
import { expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';

const system = useServer();
const RUNS = 60;

test('a backlog follows its function to another key within 2 s, and no run is lost or done twice', async (ctx) => {
  const gate = Promise.withResolvers<void>();
  const underway = new Map<string, JsonObject>();
  const script = async (call: ScriptedCall) => {
    underway.set(call.ctx.run_id, call.event.data);
    await gate.promise;
    underway.delete(call.ctx.run_id);
    return completes()(call);
  };
  const limitedBy = (key: string): ScriptedFunction => ({
    id: 'fn',
    options: { concurrency: [{ limit: 1, key }, { limit: 8 }] },
    script,
  });
  const app = await system.scriptedApp(ctx, 'keyed', limitedBy('event.data.tenant'));
  const ids = await system.api.send(
    ...Array.from({ length: RUNS }, (_, n) => ({ name: 'test/fn', data: { tenant: 'one', user: `u${n % 5}` } })),
  );
  await app.waitForCalls(1);
  await system.observer.fence();
  expect(underway.size).toBe(1);

  app.setFunctions([limitedBy('event.data.user')]);
  await app.register(system.server.url);
  const syncedAt = performance.now();
  await until('a call of each user', () => underway.size >= 5 || undefined);
  expectWithin(performance.now() - syncedAt, [0, 2_000], 'the new key');

  await system.observer.fence();
  expect([...underway.values()].map(({ user }) => user).toSorted()).toEqual(['u0', 'u1', 'u2', 'u3', 'u4']);
  gate.resolve();
  const runs = await Promise.all(ids.map((id) => system.api.waitForRun(id, { waitMs: 30_000 })));
  expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['Completed']));
  expect(app.callCount).toBe(RUNS);
});
