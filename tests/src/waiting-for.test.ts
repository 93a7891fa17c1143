import { completes, sleeps } from '@perdure/testing';
import type { JsonObject } from '@perdure/domain';
import { expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';

const system = useServer();

interface Wait {
  constraint: string;
  until?: string;
}

/** What the run waits for, as soon as it has begun to. */
const waitsFor = (runId: string): Promise<Wait[]> =>
  until('the run to wait for something', async () => {
    const { body } = await system.api.request('GET', `/v1/runs/${runId}/waiting`);
    const { waiting_for: waits } = body['data'] as unknown as { waiting_for: Wait[] };
    const isHeld = waits.length > 0 && waits.every(({ constraint }) => !['nothing', 'turn'].includes(constraint));
    return isHeld ? waits : undefined;
  });

/** The run of an event, however far it is. */
async function start(event: string, data: JsonObject): Promise<string> {
  const id = await system.api.sendOne({ name: event, data });
  const [run] = await system.api.waitForRuns(id, 1, { isWanted: () => true });
  return run?.run_id ?? '';
}

test('a run that has not started tells why: limit, key, who holds it, place in the line', async (ctx) => {
  await system.scriptedApp(ctx, 'waiting', {
    id: 'one-a-user',
    options: { concurrency: { fn: [{ limit: 1, key: 'event.data.user' }] } },
    script: sleeps('1h'),
  });
  const first = await start('test/one-a-user', { user: 'u1' });
  expect(await waitsFor(first)).toMatchObject([{ constraint: 'sleep', until: expect.any(String) }]);
  const second = await start('test/one-a-user', { user: 'u1' });
  const third = await start('test/one-a-user', { user: 'u1' });

  expect(await waitsFor(second)).toEqual([
    {
      attempt: 0,
      constraint: 'run-concurrency',
      message: 'of its runs the function has 1 of 1 in progress for event.data.user = u1; it is next in line',
      key: { scope: 'fn', expression: 'event.data.user', value: 'u1' },
      limit: 1,
      held: 1,
      holders: [first],
      ahead: 0,
    },
  ]);
  expect(await waitsFor(third)).toMatchObject([{ holders: [first], ahead: 1 }]);
});

test('a run that is throttled tells when the next may start', async (ctx) => {
  await system.scriptedApp(ctx, 'throttled', {
    id: 'one-an-hour',
    options: { throttle: { limit: 1, period: '1h' } },
    script: completes(),
  });
  await start('test/one-an-hour', {});
  const second = await start('test/one-an-hour', {});

  const [wait] = await waitsFor(second);

  expect(wait).toMatchObject({ constraint: 'throttle', ahead: 0 });
  expect(Date.parse(wait?.until ?? '') - Date.now()).toBeGreaterThan(3_500_000);
});

test('a run that has ended waits for nothing, one that never was is not found', async (ctx) => {
  await system.scriptedApp(ctx, 'ended', { id: 'at-once', script: completes() });
  const { run_id: runId } = await system.api.waitForRun(await system.api.sendOne({ name: 'test/at-once' }));

  const ended = await system.api.request('GET', `/v1/runs/${runId}/waiting`);
  const unknown = await system.api.request('GET', `/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/waiting`);

  expect(ended.body).toMatchObject({ data: { run_id: runId, status: 'Completed', waiting_for: [] } });
  expect(unknown.status).toBe(404);
});
