import { fromSdk, ops, runCompleteOp, stepHash, type WireOp } from '@perdure/testing';
import { expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';

const system = useServer();

function waitOp(signal: string): WireOp {
  const wait = { signal, timeout: '1h', conflict: 'fail' };
  return { op: 'WaitForSignal', id: stepHash('wait'), name: signal, displayName: 'wait', opts: wait };
}

/** Waits for a signal that is named after the run, then ends with what came. */
const waiter = (id: string) => ({
  id,
  script: (call: { steps: Record<string, never>; event: { data: { signal?: unknown } } }) =>
    stepHash('wait') in call.steps
      ? ops(runCompleteOp(call.steps[stepHash('wait')] ?? null))
      : fromSdk(206, [waitOp(String(call.event.data.signal))]),
});

const post = (body: string | object) =>
  system.api.request('POST', '/v1/signals', { body: typeof body === 'string' ? body : (body as never) });

test('[P68] a signal reaches the one step that waits for it, once, with its payload', async (ctx) => {
  await system.scriptedApp(ctx, 'signals', waiter('waits') as never);
  const eventId = await system.api.sendOne({ name: 'test/waits', data: { signal: 'approve-1' } });
  const run = await system.api.waitForRun(eventId, { isWanted: ({ status }) => status === 'Running' });

  const data = { ok: [true, { '10': 1, '9': 'ä' }] };
  const answer = await until('somebody who waits', async () => {
    const sent = await post({ signal: 'approve-1', data });
    return sent.status === 200 ? sent : undefined;
  });

  expect(answer.body).toEqual({
    data: { run_id: run.run_id },
    metadata: { fetched_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
  });
  expect(await system.api.waitForEnd(run.run_id)).toMatchObject({
    status: 'Completed',
    output: { data: { signal: 'approve-1', data } },
  });
  expect((await post({ signal: 'approve-1', data })).status).toBe(404);
});

test('[P69][E73] a signal that nobody waits for is 404, and is not kept', async () => {
  expect(await post({ signal: 'nobody', data: null })).toMatchObject({
    status: 404,
    body: { error: 'No signal found', data: null, status: 404 },
  });
});

test.each(['', '{', '[]', '{}', '{"signal":""}', '{"signal":5}'])('a body such as %j is 400', async (body) => {
  expect(await post(body)).toMatchObject({ status: 400, body: { error: 'Invalid signal data', status: 400 } });
});

test('a payload that no step could have as its output is 413', async () => {
  expect((await post({ signal: 'large', data: 'x'.repeat(4 * 1024 * 1024) })).status).toBe(413);
});
