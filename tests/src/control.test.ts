import { completes, sequentialSteps, sleeps, startScriptedApp } from '@perdure/testing';
import type { JsonObject } from '@perdure/domain';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';
import { startServer } from './harness/server.ts';
import type { ServerApi } from './harness/server-api.ts';

const system = useServer();

async function hold(api: ServerApi, what: 'pause' | 'resume' | 'drain', slug: string, body?: JsonObject) {
  const answer = await api.request('POST', `/v1/functions/${slug}/${what}`, { ...(body && { body }) });
  expect(answer.status, answer.text).toBe(200);
  return answer.body['data'] as JsonObject;
}

describe('a paused function', () => {
  test('[E127] ends the call in progress, starts no other, skips events; resumed, it goes on within a second', async (ctx) => {
    const gate = Promise.withResolvers<void>();
    const app = await system.scriptedApp(ctx, 'paused', {
      id: 'three',
      script: async (call) => {
        const next = sequentialSteps(3)(call);
        if (call.ctx.stack.stack.length === 0) await gate.promise;
        return next;
      },
    });
    const eventId = await system.api.sendOne({ name: 'test/three' });
    await app.waitForCalls(1);

    await hold(system.api, 'pause', 'paused-three');
    gate.resolve();
    const during = await system.api.sendOne({ name: 'test/three' });
    expect(await system.api.waitForRun(during)).toMatchObject({ status: 'Skipped' });
    expect(app.callCount).toBe(1);

    const resumedAt = performance.now();
    await hold(system.api, 'resume', 'paused-three');
    await app.waitForCalls(2);
    expectWithin(performance.now() - resumedAt, [0, 1_000], 'the next step after the resume');
    expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Completed' });
    // The first step was saved though its answer came while the function was paused.
    expect(app.callCount).toBe(4);
    // What was skipped is not made up for.
    expect(await system.api.waitForRun(during)).toMatchObject({ status: 'Skipped' });
  });

  test('can end the runs that there are', async (ctx) => {
    await system.scriptedApp(ctx, 'ending', { id: 'naps-until-paused', script: sleeps('1h') });
    const eventId = await system.api.sendOne({ name: 'test/naps-until-paused' });
    await system.api.waitForRun(eventId, { isWanted: ({ status }) => status === 'Running' });

    const held = await hold(system.api, 'pause', 'ending-naps-until-paused', { cancel_runs: true });

    expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Cancelled' });
    expect((await system.api.request('GET', `/v1/cancellations/${held['cancellation_id'] as string}`)).status).toBe(
      200,
    );
  });

  test.each(['pause', 'resume', 'drain'])('%s of a function that nobody registered is 404', async (what) => {
    expect((await system.api.request('POST', `/v1/functions/nobody/${what}`)).status).toBe(404);
  });
});

test('[E128] a drained function ends the runs that it has and skips new events', async (ctx) => {
  const gate = Promise.withResolvers<void>();
  const app = await system.scriptedApp(ctx, 'drained', {
    id: 'two',
    script: async (call) => {
      if (call.ctx.stack.stack.length === 0) await gate.promise;
      return sequentialSteps(2)(call);
    },
  });
  const eventId = await system.api.sendOne({ name: 'test/two' });
  await app.waitForCalls(1);

  await hold(system.api, 'drain', 'drained-two');
  const later = await system.api.sendOne({ name: 'test/two' });
  gate.resolve();

  expect(await system.api.waitForRun(later)).toMatchObject({ status: 'Skipped' });
  expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Completed' });
  await hold(system.api, 'resume', 'drained-two');
  expect(await system.api.waitForRun(await system.api.sendOne({ name: 'test/two' }))).toMatchObject({
    status: 'Completed',
  });
});

test('a function stays paused over a restart', async (ctx) => {
  const server = await startServer({ persist: true });
  ctx.onTestFinished(() => server.stop());
  const app = await startScriptedApp({ name: 'kept', functions: [{ id: 'kept', script: completes() }] });
  ctx.onTestFinished(() => app.stop());
  await app.register(server.url);
  await hold(server.api, 'pause', 'kept-kept');

  await server.restart();

  expect(await server.api.waitForRun(await server.api.sendOne({ name: 'test/kept' }))).toMatchObject({
    status: 'Skipped',
  });
});

describe('cancelling a run', () => {
  test('[E123][P86] ends it once; unknown and malformed IDs are told apart', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'cancel', { id: 'naps', script: sleeps('1h') });
    const eventId = await system.api.sendOne({ name: 'test/naps' });
    const { run_id: runId } = await system.api.waitForRun(eventId, { isWanted: ({ status }) => status === 'Running' });
    const cancel = (id: string) => system.api.request('DELETE', `/v1/runs/${id}`);

    expect(await cancel(runId)).toMatchObject({ status: 200, text: '' });
    expect(await system.api.waitForEnd(runId)).toMatchObject({ status: 'Cancelled' });
    expect(await cancel(runId)).toMatchObject({ status: 200, text: '' });
    expect((await cancel('01KAZZZZZZZZZZZZZZZZZZZZZZ')).status).toBe(404);
    expect((await cancel('not-an-id')).status).toBe(400);
    expect(app.callCount).toBe(1);
  });

  test('by version 2 of the API says why it cannot be', async (ctx) => {
    await system.scriptedApp(
      ctx,
      'cancel-v2',
      { id: 'naps-v2', script: sleeps('1h') },
      { id: 'ends', script: completes() },
    );
    const sleeping = await system.api.sendOne({ name: 'test/naps-v2' });
    const { run_id: runId } = await system.api.waitForRun(sleeping, { isWanted: ({ status }) => status === 'Running' });
    const ended = await system.api.waitForRun(await system.api.sendOne({ name: 'test/ends' }));
    const cancel = (id: string) => system.api.request('POST', `/v2/runs/${id}/cancel`, { body: {} });

    expect(await cancel(runId)).toMatchObject({ status: 200, body: { data: { runId } } });
    await system.api.waitForEnd(runId);
    expect(await cancel(runId)).toMatchObject({ status: 409, body: { errors: [{ code: 'run_already_cancelled' }] } });
    expect(await cancel(ended.run_id)).toMatchObject({
      status: 409,
      body: { errors: [{ code: 'run_already_ended' }] },
    });
    expect(await cancel('01KAZZZZZZZZZZZZZZZZZZZZZZ')).toMatchObject({ status: 404 });
  });
});

describe('bulk cancellation', () => {
  const cancelAll = (body: JsonObject) => system.api.request('POST', '/v1/cancellations', { body });
  const later = (ms: number): string => new Date(Date.now() + ms).toISOString();

  async function waitForEnd(id: string): Promise<JsonObject> {
    return until(`the end of cancellation ${id}`, async () => {
      const { body } = await system.api.request('GET', `/v1/cancellations/${id}`);
      const cancellation = body['data'] as JsonObject;
      return cancellation['status'] === 'completed' ? cancellation : undefined;
    });
  }

  test('[E124] ends the sleeping runs whose event satisfies the expression, and none that came later', async (ctx) => {
    const RUNS = 1_000;
    await system.scriptedApp(ctx, 'bulk', { id: 'sleeper', script: sleeps('1h') });
    const send = (count: number) =>
      system.api.send(
        ...Array.from({ length: count }, (_, n) => ({ name: 'test/sleeper', data: { n, isWanted: n % 2 === 0 } })),
      );
    const ids = await send(RUNS);
    const last = ids.at(-1) ?? '';
    await until(
      'all runs sleep',
      async () => {
        const all = await Promise.all([ids[0] ?? '', ids[RUNS / 2] ?? '', last].map((id) => system.api.runsOf(id)));
        return all.every(([run]) => run?.status === 'Running') || undefined;
      },
      { waitMs: 60_000 },
    );

    const startedBefore = later(0);
    const [lateId = ''] = await send(1);
    const askedAt = performance.now();
    const answer = await cancelAll({
      app_id: 'bulk',
      function_id: 'sleeper',
      started_before: startedBefore,
      if: 'event.data.isWanted == true',
    });
    expect(answer.status, answer.text).toBe(200);
    const { id } = answer.body['data'] as { id: string };

    await until('half of the runs to be cancelled', async () => {
      const { body } = await system.api.request('GET', `/v1/cancellations/${id}`);
      const { progress } = body['data'] as { progress: { cancelled: number } };
      return progress.cancelled === RUNS / 2 || undefined;
    });
    expectWithin(performance.now() - askedAt, [0, 5_000], 'the bulk cancellation');
    const cancellation = await waitForEnd(id);
    expect(cancellation).toMatchObject({
      kind: 'bulk',
      function_id: 'bulk-sleeper',
      if: 'event.data.isWanted == true',
      progress: { matched: RUNS / 2, cancelled: RUNS / 2, failed: 0 },
    });
    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({ status: 'Cancelled' });
    expect(await system.api.waitForRun(ids[RUNS - 2] ?? '')).toMatchObject({ status: 'Cancelled' });
    const [kept] = await system.api.runsOf(last);
    const [late] = await system.api.runsOf(lateId);
    expect([kept?.status, late?.status]).toEqual(['Running', 'Running']);

    // All others, so that they hold nobody up; a second time there is nothing to do.
    const rest = await cancelAll({ app_id: 'bulk', function_id: 'bulk-sleeper', started_before: later(0) });
    expect(await waitForEnd((rest.body['data'] as { id: string }).id)).toMatchObject({
      progress: { cancelled: RUNS / 2 + 1 },
    });
  }, 120_000);

  test('goes on after a kill -9', async (ctx) => {
    const server = await startServer({ persist: true });
    ctx.onTestFinished(() => server.stop());
    const app = await startScriptedApp({ name: 'killed', functions: [{ id: 'naps', script: sleeps('1h') }] });
    ctx.onTestFinished(() => app.stop());
    await app.register(server.url);
    const ids = await server.api.send(...Array.from({ length: 50 }, () => ({ name: 'test/naps' })));
    await Promise.all(ids.map((id) => server.api.waitForRun(id, { isWanted: ({ status }) => status === 'Running' })));

    const answer = await server.api.request('POST', '/v1/cancellations', {
      body: { app_id: 'killed', function_id: 'naps', started_before: new Date().toISOString() },
    });
    await server.kill9();
    await server.start();

    expect(answer.status).toBe(200);
    const runs = await Promise.all(ids.map((id) => server.api.waitForRun(id)));
    expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['Cancelled']));
  });

  test('is listed, and can be taken back', async (ctx) => {
    await system.scriptedApp(ctx, 'listed', { id: 'listed', script: completes() });
    const answer = await cancelAll({ app_id: 'listed', function_id: 'listed', started_before: later(3_000) });
    const { id } = answer.body['data'] as { id: string };

    const { body } = await system.api.request('GET', '/v1/cancellations');
    expect((body['data'] as JsonObject[]).map((cancellation) => cancellation['id'])).toContain(id);
    expect(await system.api.request('DELETE', `/v1/cancellations/${id}`)).toMatchObject({ body: { ok: true } });
    expect(await system.api.request('GET', `/v1/cancellations/${id}`)).toMatchObject({
      body: { data: { status: 'stopped' } },
    });
    expect((await system.api.request('DELETE', '/v1/cancellations/nonsense')).status).toBe(400);
    expect((await system.api.request('DELETE', '/v1/cancellations/01KAZZZZZZZZZZZZZZZZZZZZZZ')).status).toBe(404);
  });

  test('[E124] what is missing or wrong is said line by line; an unknown function is 404', async () => {
    expect(await cancelAll({})).toMatchObject({
      status: 400,
      body: { error: 'app_id is required\nfunction_id is required\nstarted_before is required' },
    });
    const valid = { app_id: 'no', function_id: 'no', started_before: later(0) };
    expect(await cancelAll({ ...valid, started_before: later(60_000) })).toMatchObject({ status: 400 });
    expect(await cancelAll({ ...valid, started_after: valid.started_before })).toMatchObject({ status: 400 });
    expect(await cancelAll({ ...valid, if: 'event.data ==' })).toMatchObject({ status: 400 });
    expect(await cancelAll(valid)).toMatchObject({ status: 404, body: { error: 'function not found' } });
  });
});
