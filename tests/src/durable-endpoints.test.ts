import { encodeUlid, type JsonObject } from '@perdure/domain';
import { stepHash, stepRunOp, runCompleteOp, sleepOp } from '@perdure/testing';
import { describe, expect, test, type TestContext } from 'vitest';

import { type EndpointApp, type EndpointStep, startEndpointApp } from './harness/endpoint-app.ts';
import { type Fixture, Tally, useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';

async function serveEndpoints(
  ctx: TestContext,
  system: Fixture,
  endpoints: Record<string, (request: Request, step: EndpointStep) => unknown>,
): Promise<EndpointApp> {
  const app = await startEndpointApp({ baseUrl: system.server.url, keys: system.server.keys, endpoints });
  ctx.onTestFinished(() => app.stop());
  return app;
}

/** The run that an endpoint began: it is told by the redirect of its client, or by the events of history. */
function runIdOf(location: string): string {
  return /runs\/([0-9A-Z]{26})\/output/.exec(location)?.[1] ?? '';
}

describe.each(['dev', 'start'] as const)('the real SDK at a server in mode %s', (command) => {
  const system = useServer({ command });

  test('an endpoint that never waits answers its client itself, and its run is kept', async (ctx) => {
    const app = await serveEndpoints(ctx, system, {
      '/sum': async (_request, step) => {
        const a = await step.run('a', () => 1);
        const b = await step.run('b', () => 2);
        return { sum: a + b };
      },
    });

    const response = await fetch(`${app.url}/sum?x=1`);

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ sum: 3 });
    expect(app.requests).toHaveLength(1);
    const events = await until('the event of the request', async () => {
      const { body } = await system.api.request('GET', '/v1/events?name=inngest/http.request');
      const found = (body['data'] as JsonObject[]).filter(
        (event) => (event['data'] as JsonObject)['domain'] === app.url,
      );
      return found.length > 0 ? found : undefined;
    });
    expect(events).toMatchObject([{ data: { method: 'GET', path: '/sum', query_params: 'x=1' } }]);
    const [run] = await system.api.waitForRuns(events[0]?.['internal_id'] as string, 1);
    expect(run).toMatchObject({ status: 'Completed', output: { status: 200, body: '{"sum":3}' } });
  });

  test('[P94][P95] one that waits goes on by calls of the platform, and its client waits for the output', async (ctx) => {
    const tally = new Tally();
    const app = await serveEndpoints(ctx, system, {
      '/wait': async (request, step) => {
        const first = await step.run('first', () => tally.hit('first'));
        await step.sleep('nap', '1s');
        const second = await step.run('second', () => tally.hit('second'));
        return { first, second, query: new URL(request.url).search };
      },
    });

    const response = await fetch(`${app.url}/wait?q=%C3%A4&r=2`, { redirect: 'manual' });
    expect(response.status).toBe(302);
    const location = response.headers.get('location') ?? '';
    expect(location).toMatch(/\/v1\/http\/runs\/[0-9A-Z]{26}\/output\?token=/);

    const output = await fetch(location);
    expect(output.status).toBe(200);
    expect(await output.json()).toEqual({ first: 0, second: 0, query: '?q=%C3%A4&r=2' });
    expect(tally.counts).toEqual({ first: 1, second: 1 });
    const [, ...calls] = app.requests;
    expect(calls.length).toBeGreaterThan(0);
    for (const { method, url, headers } of calls) {
      expect({ method, url }).toEqual({ method: 'GET', url: '/wait?q=%C3%A4&r=2' });
      expect(headers['x-run-id']).toBe(runIdOf(location));
      const signature = headers['x-inngest-signature'];
      expect(signature).toMatch(command === 'dev' ? /^$/ : /^t=\d+&s=[0-9a-f]{64}$/);
    }
    expect(await system.api.waitForEnd(runIdOf(location))).toMatchObject({ status: 'Completed' });

    const stolen = await fetch(location.replace(/token=.*/, 'token=nothing'));
    expect(stolen.status).toBe(401);
    expect(await stolen.json()).toEqual({ error: 'Unable to find run with auth token', data: null, status: 401 });
  });

  test('a step that fails is tried again by the platform; a body of JSON comes back as it was', async (ctx) => {
    const tally = new Tally();
    const app = await serveEndpoints(ctx, system, {
      '/shaky': async (request, step) => {
        const body: unknown = await request.json();
        const result = await step.run('shaky', () => {
          if (tally.hit('shaky') === 0) throw Object.assign(new Error('not yet'), { name: 'NotYet' });
          return 'done';
        });
        return { result, body };
      },
    });
    const body = '{ "z": 1, "a": [1e21, "ä"] }';

    const response = await fetch(`${app.url}/shaky`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
      redirect: 'manual',
    });
    expect(response.status).toBe(302);
    const runId = runIdOf(response.headers.get('location') ?? '');

    expect(
      await until('the run', async () =>
        (await system.api.request('GET', `/v1/runs/${runId}`)).status === 200 ? true : undefined,
      ),
    ).toBe(true);
    const call = await until('a call', () => app.requests[1], { waitMs: 60_000 });
    expect(call).toMatchObject({ method: 'POST', body });
    expect(call.headers).toMatchObject({ 'content-type': 'application/json', 'x-run-id': runId });
  }, 90_000);
});

describe('the API of durable endpoints', () => {
  const system = useServer();
  const aRunId = (): string => encodeUlid(Date.now(), crypto.getRandomValues(new Uint8Array(10)));
  const request = {
    domain: 'http://127.0.0.1:9',
    method: 'POST',
    path: '/p',
    query_params: '',
    content_type: '',
    ip: '',
    fn: '',
  };
  const start = (runId: string, steps: object[], more: JsonObject = {}) =>
    system.api.request('POST', '/v1/checkpoint', {
      body: {
        run_id: runId,
        event: { name: 'inngest/http.request', data: { ...request, body: 'plain text, no JSON' } },
        steps: steps as never,
        ts: Date.now(),
        request_version: 2,
        retries: 3,
        ...more,
      },
    });
  const report = (runId: string, steps: object[]) =>
    system.api.request('POST', `/v1/checkpoint/${runId}/steps`, { body: { run_id: runId, steps: steps as never } });

  test('[P93] the answer to a new run has all IDs and tokens, and takes a body that is plain text', async () => {
    const runId = aRunId();

    const answer = await start(runId, [stepRunOp('a', 1)]);

    expect(answer.status, answer.text).toBe(200);
    const data = answer.body['data'] as Record<string, string>;
    expect(data).toMatchObject({ run_id: runId, fn_id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(data['app_id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(data['realtime_token']?.split('.')).toHaveLength(3);
    const claims = JSON.parse(Buffer.from(data['token']?.split('.')[1] ?? '', 'base64url').toString()) as JsonObject;
    expect(claims).toMatchObject({ iss: 'api.inngest.com', sub: 'run-claim', RunID: runId });
    const batch = await system.api.request('GET', `/v0/runs/${runId}/batch`);
    expect(JSON.parse(batch.text)).toMatchObject([
      { name: 'inngest/http.request', data: { body: 'plain text, no JSON' } },
    ]);
    const actions = await system.api.request('GET', `/v0/runs/${runId}/actions`);
    expect(JSON.parse(actions.text)).toEqual({ [stepHash('a')]: { data: 1 } });
  });

  test('what the SDK repeats after a lost reply changes nothing, and steps go on from there to the end', async () => {
    const runId = aRunId();
    await start(runId, [stepRunOp('a', 1)]);
    expect((await start(runId, [stepRunOp('a', 1)])).status).toBe(200);

    expect(
      await report(runId, [{ ...stepRunOp('b', 2), hashedId: 'x', fn: 'internal', unknown: { deep: [1] } }]),
    ).toMatchObject({
      status: 200,
      text: '',
    });
    expect((await report(runId, [stepRunOp('b', 2)])).status).toBe(200);
    const end = [
      runCompleteOp({ status: 201, headers: { 'x-a': 'b', 'content-length': '99' }, body: 'ok', version: 2 }),
    ];
    expect((await report(runId, end)).status).toBe(200);
    expect((await report(runId, end)).status).toBe(200);

    expect(await system.api.waitForEnd(runId)).toMatchObject({
      status: 'Completed',
      output: { status: 201, body: 'ok' },
    });
    expect((await start(runId, [stepRunOp('a', 1)])).status).toBe(409);
    expect((await report(runId, [stepRunOp('c', 3)])).status).toBe(409);
  });

  test('[P95] the output is the answer that the endpoint gave, with its status and headers', async () => {
    const runId = aRunId();
    const answer = await start(runId, [stepRunOp('a', 1)]);
    const { token } = answer.body['data'] as Record<string, string>;
    const waiting = system.api.request('GET', `/v1/http/runs/${runId}/output?token=${token}`);
    await report(runId, [
      runCompleteOp({ status: 201, headers: { 'x-a': 'b', 'content-length': '99' }, body: 'ok', version: 2 }),
    ]);

    const output = await waiting;
    expect(output).toMatchObject({ status: 201, text: 'ok' });
    expect(output.headers.get('x-a')).toBe('b');
    const other = aRunId();
    await start(other, [runCompleteOp({ no: 'answer' })]);
    expect((await system.api.request('GET', `/v1/http/runs/${other}/output?token=${token}`)).status).toBe(401);
  });

  test('a run that ends with its first report has its output as data', async () => {
    const runId = aRunId();
    const answer = await start(runId, [runCompleteOp({ no: 'answer' })]);
    const { token } = answer.body['data'] as Record<string, string>;

    expect(await system.api.request('GET', `/v1/checkpoint/${runId}/output?token=${token}`)).toMatchObject({
      status: 200,
      body: { data: { no: 'answer' } },
    });
  });

  test('once it waits the platform has the run, and a late report of the endpoint is refused', async () => {
    const runId = aRunId();
    await start(runId, [stepRunOp('a', 1)]);
    expect((await report(runId, [sleepOp('nap', '1h')])).status).toBe(200);

    expect(await report(runId, [stepRunOp('b', 2)])).toMatchObject({ status: 409, body: { data: { run_id: runId } } });
    expect((await system.api.request('DELETE', `/v1/runs/${runId}`)).status).toBe(200);
    expect(await system.api.waitForEnd(runId)).toMatchObject({ status: 'Cancelled' });
  });

  test('what is wrong with a report is said', async () => {
    expect((await start('not-an-id', [])).status).toBe(400);
    expect((await start(aRunId(), [], { event: { name: 'x', data: {} } })).status).toBe(400);
    expect((await start(aRunId(), [{ op: 'Nonsense', id: 'x' }])).status).toBe(400);
    expect((await report('not-an-id', [])).status).toBe(400);
    expect((await system.api.request('POST', '/v1/checkpoint', { body: '{' })).status).toBe(400);
    expect((await start(aRunId(), [stepRunOp('a', 'x'.repeat(5 * 1024 * 1024))])).status).toBe(413);
    expect((await report('01KAZZZZZZZZZZZZZZZZZZZZZZ', [stepRunOp('a', 1)])).status).toBe(409);
  });
});
