import { completes, failed, completed, sleeps } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';

const system = useServer();
const UNKNOWN = '01KAZZZZZZZZZZZZZZZZZZZZZZ';

describe('every answer', () => {
  test.concurrent('[H1] says that it is a server for development', async () => {
    const paths = ['/health', '/ready', '/v1/events', '/dev', '/v1/nothing', '/e/x', '/v0/nothing'];

    const answers = await Promise.all(paths.map((path) => system.api.request('GET', path)));

    for (const answer of answers) expect(answer.headers.get('x-inngest-server-kind')).toBe('dev');
  });

  test.concurrent('[H2] health and readiness', async () => {
    expect(await system.api.request('GET', '/health')).toMatchObject({
      status: 200,
      body: { status: 200, message: 'OK' },
    });
    expect((await system.api.request('GET', '/ready')).status).toBe(200);
  });

  test.concurrent('[H3] a preflight of any origin with any header succeeds', async () => {
    for (const path of ['/e/key', '/v1/events', '/fn/register']) {
      const answer = await system.api.request('OPTIONS', path, {
        headers: {
          origin: 'https://example.org',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'x-made-up, content-type',
        },
      });

      expect([200, 204], path).toContain(answer.status);
      expect(answer.headers.get('access-control-allow-origin'), path).toMatch(/^(\*|https:\/\/example\.org)$/);
      expect(answer.headers.get('access-control-allow-headers')?.toLowerCase(), path).toMatch(/\*|x-made-up/);
      expect(answer.headers.get('access-control-allow-methods'), path).toContain('POST');
    }
    const plain = await system.api.request('GET', '/health', { headers: { origin: 'https://example.org' } });
    expect(plain.headers.get('access-control-expose-headers')).toContain('Mcp-Session-Id');
  });

  test.concurrent('[H8] an error has the status that its body names', async () => {
    const answers = await Promise.all([
      system.api.request('GET', '/v1/events/nonsense'),
      system.api.request('GET', `/v1/events/${UNKNOWN}`),
      system.api.request('GET', '/v1/events/nonsense/runs'),
      system.api.request('GET', '/v1/runs/nonsense'),
      system.api.request('GET', `/v1/runs/${UNKNOWN}`),
      system.api.request('DELETE', '/v1/runs/nonsense'),
      system.api.request('DELETE', `/v1/runs/${UNKNOWN}`),
      system.api.request('GET', '/v1/events?limit=many'),
      system.api.request('GET', '/v1/events?cursor=nonsense'),
      system.api.request('GET', '/v1/events?received_after=yesterday'),
    ]);

    expect(answers.map((answer) => answer.status)).toEqual([400, 404, 400, 400, 404, 400, 404, 400, 400, 400]);
    for (const answer of answers) {
      expect(answer.body).toMatchObject({ status: answer.status, error: expect.any(String) });
    }
    expect(answers[4]?.body['error']).toBe(`Unable to load function run: ${UNKNOWN}`);
    for (const [i, field] of [
      [7, 'limit'],
      [8, 'cursor'],
      [9, 'received_after'],
    ] as const) {
      expect(answers[i]?.body['error']).toContain(field);
    }
  });

  test.concurrent('unknown routes are 404 and a wrong method 405, in words', async () => {
    expect((await system.api.request('GET', '/v1/nothing')).status).toBe(404);
    expect((await system.api.request('POST', '/v1/events', { body: {} })).status).toBe(405);
  });

  test.concurrent('[H7] the dev server describes itself', async () => {
    const answer = await system.api.request('GET', '/dev');

    expect(answer).toMatchObject({
      status: 200,
      body: {
        version: expect.any(String),
        startOpts: expect.any(Object),
        functions: expect.any(Array),
        features: expect.any(Object),
      },
    });
  });
});

describe('events and runs', () => {
  test.concurrent('[H28][H29] events are listed newest first, in pages that do not overlap', async () => {
    const ids = await system.api.send(...Array.from({ length: 5 }, (_, i) => ({ name: 'h28/listed', data: { i } })));
    await system.observer.fence();

    const all = await system.api.request('GET', '/v1/events?name=h28/listed');
    const first = await system.api.request('GET', '/v1/events?name=h28/listed&limit=3');
    const rest = await system.api.request('GET', `/v1/events?name=h28/listed&limit=3&cursor=${ids[2]}`);

    const listed = (answer: typeof all) =>
      (answer.body['data'] as { internal_id: string }[]).map((event) => event.internal_id);
    expect(listed(all)).toEqual(ids.toReversed());
    expect(all.body).toMatchObject({ metadata: { fetched_at: expect.any(String) } });
    expect([...listed(first), ...listed(rest)]).toEqual(ids.toReversed());
  });

  test.concurrent('one event shows all that it was sent with', async () => {
    const sent = { name: 'one/event', id: 'mine', ts: 1_500_000_000_000, data: { a: [1] }, user: { u: 1 }, v: '3' };
    const id = await system.api.sendOne(sent);
    await system.observer.fence();

    const answer = await system.api.request('GET', `/v1/events/${id}`);

    expect(answer).toMatchObject({
      status: 200,
      body: { data: { ...sent, internal_id: id, received_at: expect.any(String) } },
    });
  });

  test.concurrent('internal events are not listed', async () => {
    const answer = await system.api.request('GET', '/v1/events?limit=100');

    const names = (answer.body['data'] as { name: string }[]).map((event) => event.name);
    expect(names.filter((name) => name.startsWith('inngest/'))).toEqual([]);
  });

  test.concurrent('[H30][H31] runs show their status in words, their end and their output as it was', async (ctx) => {
    const on = [{ event: 'h30/go' }];
    await system.scriptedApp(
      ctx,
      'h30',
      { id: 'works', triggers: on, script: () => completed({ nested: ['ü', 1, null] }) },
      { id: 'fails', triggers: on, retries: 0, script: () => failed('no', { name: 'MyError' }) },
      { id: 'sleeps', triggers: on, script: sleeps('1h') },
    );

    const eventId = await system.api.sendOne({ name: 'h30/go' });
    const runs = await until('runs in three states', async () => {
      const byStatus = Object.fromEntries((await system.api.runsOf(eventId)).map((run) => [run.status, run]));
      return ['Completed', 'Failed', 'Running'].every((status) => status in byStatus) ? byStatus : undefined;
    });

    expect(runs['Completed']).toMatchObject({
      output: { nested: ['ü', 1, null] },
      ended_at: expect.any(String),
      event_id: eventId,
    });
    expect(runs['Failed']).toMatchObject({
      output: { name: 'MyError', message: 'no' },
      ended_at: expect.any(String),
    });
    expect(runs['Running']).toMatchObject({ ended_at: null });
    for (const run of Object.values(runs)) expect(await system.api.run(run.run_id)).toEqual(run);
  });

  test.concurrent('[H32][P86] DELETE cancels a run: its sleep wakes nobody; again is fine, an unknown run is 404', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'h32', { id: 'cancelled', script: sleeps('8s') });
    const eventId = await system.api.sendOne({ name: 'test/cancelled' });
    const [call] = await app.waitForCalls(1);
    const runId = call?.runId ?? '';
    await system.observer.fence();

    const cancel = await system.api.request('DELETE', `/v1/runs/${runId}`);
    const run = await system.api.waitForRun(eventId);
    const again = await system.api.request('DELETE', `/v1/runs/${runId}`);
    // The sleep of another run that began later ends later: by then this one would have woken.
    const witness = await system.scriptedApp(ctx, 'h32-witness', { id: 'witness', script: sleeps('8s') });
    await system.api.send({ name: 'test/witness' });
    await witness.waitForCalls(2, { waitMs: 20_000 });

    expect(cancel).toMatchObject({ status: 200, text: '' });
    expect(run).toMatchObject({ status: 'Cancelled', ended_at: expect.any(String) });
    expect(again.status).toBe(200);
    expect(app.callCount).toBe(1);
    expect((await system.observer.finishedOf(runId))[0]?.data).toMatchObject({ _inngest: { status: 'Cancelled' } });
    expect(system.observer.endsOf(runId).failed).toEqual([]);
  });

  test.concurrent('a run that is cancelled while its call is open stays cancelled, whatever the call answers', async (ctx) => {
    const released = Promise.withResolvers<void>();
    const app = await system.scriptedApp(ctx, 'open', {
      id: 'open',
      script: async () => {
        await released.promise;
        return completed('too late');
      },
    });
    const eventId = await system.api.sendOne({ name: 'test/open' });
    const call = await app.nextCall();

    await system.api.request('DELETE', `/v1/runs/${call.runId}`);
    const cancelled = await system.api.waitForRun(eventId);
    released.resolve();
    await system.observer.fence();

    expect(cancelled.status).toBe('Cancelled');
    expect(await system.api.run(call.runId)).toMatchObject({ status: 'Cancelled' });
    expect(app.callCount).toBe(1);
  });

  test.concurrent('an event without a function has no runs', async (ctx) => {
    await system.scriptedApp(ctx, 'nobody', { id: 'other', script: completes() });

    const id = await system.api.sendOne({ name: 'nobody/listens' });
    await system.observer.fence();

    expect(await system.api.runsOf(id)).toEqual([]);
  });
});
