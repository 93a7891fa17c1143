import type { JsonObject } from '@perdure/domain';
import {
  completed,
  completes,
  failed,
  ops,
  runCompleteOp,
  stepFailedOp,
  stepHash,
  stepRunOp,
  startScriptedApp,
} from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';
import { startServer } from './harness/server.ts';
import type { ServerApi } from './harness/server-api.ts';

const system = useServer();

const rerun = (runId: string, body: JsonObject = {}) => system.api.request('POST', `/v2/runs/${runId}/rerun`, { body });

async function rerunOf(runId: string, body: JsonObject = {}): Promise<string> {
  const answer = await until(`history to know run ${runId}`, async () => {
    const tried = await rerun(runId, body);
    return tried.status === 409 ? undefined : tried;
  });
  expect(answer.status, answer.text).toBe(200);
  return (answer.body['data'] as { runId: string }).runId;
}

describe('a run that is run again', () => {
  test('is a new run with the events of the first, which stays as it was', async (ctx) => {
    let calls = 0;
    await system.scriptedApp(ctx, 'again', {
      id: 'again',
      options: { idempotency: 'event.data.key', singleton: { mode: 'skip' } },
      script: (call) => {
        calls += 1;
        return calls === 1 ? failed('out of order', { isRetriable: false }) : completed({ ...call.event });
      },
    });
    const eventId = await system.api.sendOne({ name: 'test/again', id: 'order-7', data: { key: 'k' } });
    const first = await system.api.waitForRun(eventId);
    expect(first.status).toBe('Failed');

    const runId = await rerunOf(first.run_id);

    expect(runId).not.toBe(first.run_id);
    const second = await system.api.waitForEnd(runId);
    expect(second).toMatchObject({
      status: 'Completed',
      original_run_id: first.run_id,
      event_id: eventId,
      output: { id: 'order-7', name: 'test/again', data: { key: 'k' } },
    });
    expect(await system.api.run(first.run_id)).toMatchObject({ status: 'Failed' });
    await system.observer.finishedOf(runId);
  });

  test('what cannot be run again is told apart', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'gone', { id: 'gone', script: completes() });
    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/gone' }));

    expect(await rerun('01KAZZZZZZZZZZZZZZZZZZZZZZ')).toMatchObject({
      status: 404,
      body: { errors: [{ code: 'not_found', message: 'Run not found' }] },
    });
    expect(await rerun(run.run_id, { unknown: 1 })).toMatchObject({
      status: 400,
      body: { errors: [{ code: 'api_error' }] },
    });
    app.setFunctions([{ id: 'other', script: completes() }]);
    await app.register(system.server.url);
    expect(await rerun(run.run_id)).toMatchObject({ status: 404, body: { errors: [{ code: 'not_found' }] } });
  });
});

describe('a run that goes on from a step', () => {
  /** Three steps; the second fails while the event's `isBroken` is what it is called with. */
  const threeSteps = (id: string) => ({
    id,
    script: (call: { steps: Record<string, { input?: { isBroken: boolean }[]; error?: object }> }) => {
      const { steps } = call;
      if (!(stepHash('one') in steps)) return ops(stepRunOp('one', { ran: 'one' }));
      const two = steps[stepHash('two')];
      if (two?.input !== undefined) return ops(stepRunOp('two', { input: two.input as never }));
      if (two === undefined) return ops(stepFailedOp('two', 'it is broken'));
      if (two.error !== undefined) return failed('it is broken', { isRetriable: false });
      if (!(stepHash('three') in steps)) return ops(stepRunOp('three', { ran: 'three' }));
      return ops(runCompleteOp(steps as never));
    },
  });

  test('has what the steps before it came to, and its step is called with the edited input', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'edited', threeSteps('three-edited') as never);
    const first = await system.api.waitForRun(await system.api.sendOne({ name: 'test/three-edited' }));
    expect(first.status).toBe('Failed');
    const callsBefore = app.callCount;

    const runId = await rerunOf(first.run_id, { fromStep: { stepId: 'two', input: [{ isBroken: false }] } });

    expect(await system.api.waitForEnd(runId)).toMatchObject({
      status: 'Completed',
      output: {
        [stepHash('one')]: { data: { ran: 'one' } },
        [stepHash('two')]: { data: { input: [{ isBroken: false }] } },
        [stepHash('three')]: { data: { ran: 'three' } },
      },
    });
    const [call] = app.calls().slice(callsBefore);
    expect(call?.ctx.stack).toEqual({ current: 1, stack: [stepHash('one')] });
    expect(call?.steps).toEqual({
      [stepHash('one')]: { data: { ran: 'one' } },
      [stepHash('two')]: { input: [{ isBroken: false }] },
    });
    const state = await system.api.request('GET', `/v0/runs/${runId}/actions`);
    expect(state.status).toBe(410);
  });

  test('runs the step anew without an edited input, by its hash too', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'anew', threeSteps('three-anew') as never);
    const first = await system.api.waitForRun(await system.api.sendOne({ name: 'test/three-anew' }));
    const callsBefore = app.callCount;

    const runId = await rerunOf(first.run_id, { from_step: { step_id: stepHash('two') } });

    expect(await system.api.waitForEnd(runId)).toMatchObject({ status: 'Failed' });
    expect(app.calls()[callsBefore]?.ctx.stack.stack).toEqual([stepHash('one')]);
  });

  test('a step that there is not, and one that its name does not tell, are 400', async (ctx) => {
    const repeated = (steps: object) =>
      [stepRunOp('same', 1), { ...stepRunOp('same', 2), id: stepHash('same:1') }].find((op) => !(op.id in steps));
    await system.scriptedApp(ctx, 'repeated', {
      id: 'repeated',
      script: (call) => {
        const op = repeated(call.steps);
        return op === undefined ? completed('done') : ops(op);
      },
    });
    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/repeated' }));
    const from = (step: string, more: JsonObject = {}) => ({ fromStep: { stepId: step, ...more } });
    await rerunOf(run.run_id, from(stepHash('same:1')));

    for (const [body, message] of [
      [from('none'), 'Step not found in original run'],
      [from('same'), 'Step name matches multiple steps in original run'],
      [from('same', { input: { a: 1 } }), 'Step input must be a valid JSON array'],
    ] as const) {
      expect(await rerun(run.run_id, body)).toMatchObject({
        status: 400,
        body: { errors: [{ code: 'invalid_request', message }] },
      });
    }
  });
});

describe('a replay', () => {
  const replay = (api: ServerApi, body: JsonObject) => api.request('POST', '/v1/replays', { body });
  const replayed = async (api: ServerApi, id: string): Promise<JsonObject> =>
    (await api.request('GET', `/v1/replays/${id}`)).body['data'] as JsonObject;
  const waitForEnd = (api: ServerApi, id: string): Promise<JsonObject> =>
    until(`the end of replay ${id}`, async () => {
      const found = await replayed(api, id);
      return found['status'] === 'completed' ? found : undefined;
    });

  test('runs the runs of the statuses and the time again, each once, no faster than it is told', async (ctx) => {
    const seen = new Map<string, number>();
    await system.scriptedApp(ctx, 'replayed', {
      id: 'replayed',
      script: (call) => {
        const n = JSON.stringify(call.event.data['n']);
        seen.set(n, (seen.get(n) ?? 0) + 1);
        return Number(n) % 2 === 0 && seen.get(n) === 1 ? failed('at first', { isRetriable: false }) : completed(n);
      },
    });
    const from = new Date().toISOString();
    const ids = await system.api.send(
      ...Array.from({ length: 20 }, (_, n) => ({ name: 'test/replayed', data: { n } })),
    );
    await Promise.all(ids.map((id) => system.api.waitForRun(id)));
    const to = new Date(Date.now() + 1).toISOString();
    const late = await system.api.waitForRun(await system.api.sendOne({ name: 'test/replayed', data: { n: 100 } }));
    expect(late.status).toBe('Failed');

    const startedAt = performance.now();
    const answer = await replay(system.api, {
      function_id: 'replayed-replayed',
      from,
      until: to,
      statuses: ['FAILED'],
      runs_per_second: 8,
    });
    expect(answer.status, answer.text).toBe(200);
    const { id } = answer.body['data'] as { id: string };

    expect(await waitForEnd(system.api, id)).toMatchObject({
      statuses: ['Failed'],
      progress: { matched: 10, scheduled: 10, failed: 0 },
    });
    // 10 runs at 8 a second.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_000);
    await until('all to be called again', () => [...seen.values()].filter((n) => n === 2).length === 10 || undefined);
    expect([...seen].filter(([, times]) => times === 2).map(([n]) => Number(n) % 2)).toEqual(Array(10).fill(0));
    expect(seen.get('100')).toBe(1);
  });

  test('goes on after a kill -9 and runs nothing twice; it can be stopped', async (ctx) => {
    const server = await startServer({ persist: true });
    ctx.onTestFinished(() => server.stop());
    const seen = new Map<string, number>();
    const app = await startScriptedApp({
      name: 'killed',
      functions: [
        {
          id: 'replayed',
          script: (call) => {
            const n = JSON.stringify(call.event.data['n']);
            seen.set(n, (seen.get(n) ?? 0) + 1);
            return completed(n);
          },
        },
      ],
    });
    ctx.onTestFinished(() => app.stop());
    await app.register(server.url);
    const from = new Date().toISOString();
    const ids = await server.api.send(
      ...Array.from({ length: 40 }, (_, n) => ({ name: 'test/replayed', data: { n } })),
    );
    await Promise.all(ids.map((id) => server.api.waitForRun(id)));
    const body = { app_id: 'killed', function_id: 'replayed', from, statuses: ['completed'] };

    const first = await replay(server.api, { ...body, runs_per_second: 20 });
    const { id } = first.body['data'] as { id: string };
    await until('some runs to be called again', () => [...seen.values()].some((n) => n === 2) || undefined);
    await server.kill9();
    await server.start();

    expect(await waitForEnd(server.api, id)).toMatchObject({ progress: { matched: 40, scheduled: 40 } });
    // Runs are counted, not calls: one that was under way when the server was killed is called again.
    const runs = await Promise.all(ids.map((eventId) => server.api.waitForRuns(eventId, 2)));
    expect(runs.map(({ length }) => length)).toEqual(ids.map(() => 2));

    const second = await replay(server.api, { ...body, runs_per_second: 1 });
    const { id: stopped } = second.body['data'] as { id: string };
    expect(await server.api.request('DELETE', `/v1/replays/${stopped}`)).toMatchObject({ body: { ok: true } });
    expect(await replayed(server.api, stopped)).toMatchObject({ status: 'stopped' });
  });

  test('what is missing or wrong is said', async () => {
    expect(await replay(system.api, {})).toMatchObject({
      status: 400,
      body: { error: 'function_id is required\nfrom is required' },
    });
    const valid = { function_id: 'no', from: new Date(Date.now() - 1_000).toISOString() };
    expect(await replay(system.api, { ...valid, statuses: ['Running'] })).toMatchObject({ status: 400 });
    expect(await replay(system.api, { ...valid, runs_per_second: 0 })).toMatchObject({ status: 400 });
    expect(await replay(system.api, valid)).toMatchObject({ status: 404 });
    expect((await system.api.request('GET', '/v1/replays/x')).status).toBe(400);
    expect((await system.api.request('GET', '/v1/replays/01KAZZZZZZZZZZZZZZZZZZZZZZ')).status).toBe(404);
  });
});
