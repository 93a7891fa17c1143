import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { JsonObject, JsonValue } from '@perdure/domain';
import {
  completed,
  completes,
  inBandSync,
  ops,
  registration,
  runCompleteOp,
  startScriptedApp,
  stepHash,
  stepRunOp,
  type ScriptedFunction,
} from '@perdure/testing';
import { describe, expect, test, type TestContext } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { freePort } from './harness/free-port.ts';
import { until } from './harness/poll.ts';
import { startSdkApp } from './harness/sdk-app.ts';
import type { RunView } from './harness/server-api.ts';
import { startServer, TEST_KEYS, type PerdureServer, type ServerOptions } from './harness/server.ts';

const NOWHERE = 'http://127.0.0.1:9/api/inngest';

describe('POST /fn/register', () => {
  // An application that is asked for its functions while a test removes it registers again.
  const system = useServer({ args: ['--poll-interval', '0'] });

  /** The body of a registration of one function, changed by `fn` and by `body`. */
  function bodyOf(name: string, fn: JsonObject = {}, body: JsonObject = {}): JsonObject {
    const functions: ScriptedFunction[] = [{ id: 'f', script: completes(), options: fn }];
    return { ...registration({ name, url: NOWHERE, functions }), ...body };
  }

  const register = (body: JsonValue, headers: Record<string, string> = {}) =>
    system.api.request('POST', '/fn/register', { body, headers: { authorization: 'Bearer undefined', ...headers } });

  test.concurrent('[P16][H18] the same registration again changes nothing, whatever the SDK observed', async (ctx) => {
    const functions: ScriptedFunction[] = [{ id: 'f', script: completes() }];
    // It must answer: an application in error is registered anew.
    const app = await startScriptedApp({ name: 'p16', functions, serverUrl: system.server.url });
    ctx.onTestFinished(() => app.stop());
    const body = registration({ name: 'p16', url: app.url, functions });

    const first = await register({ ...body, featureObservations: { a: 1 } });
    const again = await register({ ...body, featureObservations: { b: 2 } });
    const changed = await register({ ...body, appVersion: '2' });

    const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(first).toMatchObject({ status: 200, body: { ok: true, modified: true, sync_id: uuid, app_id: uuid } });
    const appId = first.body['app_id'] ?? null;
    expect(again).toMatchObject({ status: 200, body: { ok: true, modified: false, app_id: appId } });
    expect(changed).toMatchObject({ status: 200, body: { ok: true, modified: true, app_id: appId } });
  });

  test.concurrent('[P12] the body of the Python SDK: appname is the name, unknown fields are passed over', async (ctx) => {
    const app = await startScriptedApp({ name: 'python', functions: [{ id: 'snake', script: completes('sss') }] });
    ctx.onTestFinished(() => app.stop());
    const { appName, deployType, ...rest } = registration({
      name: 'python',
      url: app.url,
      functions: [{ id: 'snake', script: completes() }],
    });

    const answer = await register({
      ...rest,
      appname: appName ?? null,
      deploy_type: deployType ?? null,
      framework: 'fast_api',
      sdk: 'py:v0.5.0',
      made_up: [1],
    });

    expect(answer).toMatchObject({ status: 200, body: { ok: true } });
    expect(await system.api.waitForRun(await system.api.sendOne({ name: 'test/snake' }))).toMatchObject({
      output: 'sss',
    });
  });

  test.concurrent('[P13] functions without triggers and companions for failures are accepted', async () => {
    const functions = [
      { id: 'p13-asked', name: 'asked', triggers: [] },
      {
        id: 'p13-main-failure',
        name: 'main (failure)',
        triggers: [{ event: 'inngest/function.failed', expression: "event.data.function_id == 'p13-main'" }],
      },
    ].map((fn) => ({
      ...fn,
      steps: {
        step: {
          id: 'step',
          name: 'step',
          runtime: { type: 'http', url: `${NOWHERE}?fnId=${fn.id}&stepId=step` },
          retries: { attempts: 1 },
        },
      },
    }));

    expect(await register(bodyOf('p13', {}, { functions: functions as JsonValue }))).toMatchObject({ status: 200 });
  });

  test.concurrent('[P14] four retries when a function names none, else as many as it names', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'p14',
      { id: 'default', triggers: [{ event: 'p14/go' }], script: completes() },
      { id: 'none', retries: 0, triggers: [{ event: 'p14/go' }], script: completes() },
      { id: 'most', retries: 20, triggers: [{ event: 'p14/go' }], script: completes() },
    );

    await system.api.waitForRuns(await system.api.sendOne({ name: 'p14/go' }), 3);

    const attempts = app.calls().map((call) => [call.slug, call.ctx.max_attempts] as const);
    expect(Object.fromEntries(attempts)).toEqual({ 'p14-default': 5, 'p14-none': 1, 'p14-most': 21 });
  });

  test.concurrent.for([
    5,
    { limit: 5 },
    { limit: 5, key: 'event.data.k', scope: 'ACCOUNT' },
    [{ limit: 1 }, { limit: 2, key: 'event.data.k', scope: 'env' }],
    { fn: [{ limit: 1 }], step: [{ limit: 2, key: 'event.data.k' }] },
  ])('[P15] concurrency %j is accepted', async (concurrency) => {
    const answer = await register(
      bodyOf(`p15-${JSON.stringify(concurrency)}`, { concurrency: concurrency as JsonValue }),
    );

    expect(answer).toMatchObject({ status: 200, body: { ok: true } });
  });

  const event = (name: string, expression?: string) => ({
    event: name,
    ...(expression !== undefined && { expression }),
  });
  const step = (runtime: JsonObject, more: JsonObject = {}) => ({
    step: { id: 'step', name: 'step', runtime, ...more },
  });
  const http = { type: 'http', url: `${NOWHERE}?fnId=x&stepId=step` };
  const invalid: { fn: JsonObject; field: RegExp }[] = [
    { fn: { name: '' }, field: /name/ },
    { fn: { id: '' }, field: /id/ },
    { fn: { triggers: [event('*')] }, field: /triggers/ },
    { fn: { triggers: [event('us*')] }, field: /triggers/ },
    { fn: { triggers: [event('a/*/c')] }, field: /triggers/ },
    { fn: { triggers: [event('')] }, field: /triggers/ },
    { fn: { triggers: [event('n'.repeat(256))] }, field: /triggers/ },
    { fn: { triggers: [event('a', 'event.data.x ==')] }, field: /expression/ },
    { fn: { triggers: Array.from({ length: 11 }, (_, i) => event(`a/${i}`)) }, field: /triggers/ },
    { fn: { triggers: [event('a'), event('a')] }, field: /triggers/ },
    { fn: { triggers: [{}] }, field: /triggers/ },
    { fn: { triggers: [{ cron: 'every day' }] }, field: /cron/ },
    { fn: { triggers: [{ cron: '0 0 12 * * *' }] }, field: /cron/ },
    { fn: { triggers: [{ cron: '@daily' }] }, field: /cron/ },
    { fn: { triggers: [{ cron: 'TZ=Mars/Olympus 0 9 * * *' }] }, field: /cron/ },
    { fn: { triggers: [{ cron: '0 9 * * *', jitter: '6m' }] }, field: /jitter/ },
    { fn: { steps: {} }, field: /steps/ },
    { fn: { steps: { ...step(http), other: step(http).step } }, field: /steps/ },
    { fn: { steps: step({ type: 'http', url: 'ftp://x/y' }) }, field: /url/ },
    { fn: { steps: step({ type: 'http', url: 'nonsense' }) }, field: /url/ },
    { fn: { steps: step(http, { retries: { attempts: 21 } }) }, field: /retries/ },
    { fn: { steps: step(http, { retries: { attempts: -1 } }) }, field: /retries/ },
    { fn: { concurrency: [{ limit: 1 }, { limit: 2 }, { limit: 3 }] }, field: /concurrency/ },
    { fn: { concurrency: { limit: -1 } }, field: /concurrency/ },
    { fn: { concurrency: { limit: 1, scope: 'env' } }, field: /concurrency/ },
    { fn: { concurrency: { limit: 1, scope: 'galaxy', key: '"x"' } }, field: /scope/ },
    { fn: { concurrency: { limit: 1, key: 'event.data.' } }, field: /key/ },
    { fn: { throttle: { limit: 1, period: '1ms' } }, field: /throttle/ },
    { fn: { throttle: { limit: 1 } }, field: /throttle/ },
    { fn: { rateLimit: { limit: 0, period: '1m' } }, field: /rateLimit/ },
    { fn: { rateLimit: { limit: 1, period: '25h' } }, field: /rateLimit/ },
    { fn: { debounce: { period: '10ms' } }, field: /debounce/ },
    { fn: { debounce: { period: '8d' } }, field: /debounce/ },
    { fn: { priority: { run: 'event.data.' } }, field: /priority/ },
    { fn: { batchEvents: { maxSize: 1, timeout: '5s' } }, field: /batchEvents/ },
    { fn: { batchEvents: { maxSize: 5, timeout: '10ms' } }, field: /batchEvents/ },
    { fn: { batchEvents: { maxSize: 5, timeout: '5s' }, debounce: { period: '5s' } }, field: /batchEvents|debounce/ },
    { fn: { cancel: Array.from({ length: 6 }, (_, i) => event(`c/${i}`)) }, field: /cancel/ },
    { fn: { singleton: { mode: 'perhaps' } }, field: /singleton/ },
    { fn: { idempotency: 'event.data.' }, field: /idempotency/ },
  ];

  test.concurrent.for(
    invalid.map((each, i) => ({
      ...each,
      i,
      shown: JSON.stringify(each.fn).slice(0, 100),
    })),
  )(
    '[E12][E20][E54][P17][P18][H8] a function with $shown is refused, with its name and the field',
    async ({ fn, field, i }) => {
      const answer = await register(bodyOf(`invalid${i}`, fn));

      expect(answer).toMatchObject({ status: 400, body: { status: 400, error: expect.any(String) } });
      expect(answer.text).toMatch(field);
      expect(answer.text).toContain(fn['id'] ?? `invalid${i}-f`);
      // Nothing of a refused registration takes effect.
      expect(await register(bodyOf(`invalid${i}`))).toMatchObject({ status: 200, body: { modified: true } });
    },
  );

  test.concurrent.for([
    { what: 'no JSON', body: '{"appName":', field: /./ },
    { what: 'a list', body: [], field: /./ },
    { what: 'no app', body: bodyOf('x', {}, { appName: '' }), field: /App ID required|appName/ },
    { what: 'no url', body: bodyOf('x', {}, { url: '' }), field: /url/ },
    { what: 'a url that is none', body: bodyOf('x', {}, { url: 'nonsense' }), field: /url/ },
    { what: 'functions that are no list', body: bodyOf('x', {}, { functions: {} }), field: /functions/ },
    { what: 'a function that is no object', body: bodyOf('x', {}, { functions: [5] }), field: /functions/ },
  ])('[P17][H8] a registration with $what is refused with JSON that names the field', async ({ body, field }) => {
    const answer = await register(body);

    expect(answer).toMatchObject({ status: 400, body: { status: 400, error: expect.any(String) } });
    expect(answer.text).toMatch(field);
  });

  test.concurrent('[P19][H19] another expected kind of server is refused', async () => {
    const wrong = await register(bodyOf('p19'), { 'x-inngest-expected-server-kind': 'cloud' });
    const right = await register(bodyOf('p19'), { 'x-inngest-expected-server-kind': 'dev' });

    expect(wrong).toMatchObject({ status: 400, body: { status: 400, error: 'Expected server kind cloud, got dev' } });
    expect(right).toMatchObject({ status: 200 });
  });

  test.concurrent('[P20] a function that is not registered any more starts no run, and its runs go on', async (ctx) => {
    const released = Promise.withResolvers<void>();
    const old: ScriptedFunction = {
      id: 'old',
      triggers: [{ event: 'p20/go' }],
      script: async (call) => {
        if (stepHash('a') in call.steps) return ops(runCompleteOp('the old one ended'));
        await released.promise;
        return ops(stepRunOp('a', 1));
      },
    };
    const young: ScriptedFunction = { id: 'young', triggers: [{ event: 'p20/go' }], script: completes('young') };
    const app = await system.scriptedApp(ctx, 'p20', old);
    const before = await system.api.sendOne({ name: 'p20/go' });
    await app.nextCall();

    app.setFunctions([young]);
    await app.register(system.server.url);
    const after = await system.api.sendOne({ name: 'p20/go' });
    expect(await system.api.waitForRun(after)).toMatchObject({ output: 'young' });
    // The application still has the code, as a deployment that drains does.
    app.setFunctions([young, old]);
    released.resolve();

    expect(await system.api.waitForRun(before)).toMatchObject({ status: 'Completed', output: 'the old one ended' });
    expect(await system.api.runsOf(after)).toHaveLength(1);
  });

  test.concurrent('[P21] a function keeps its ID when it is registered again, also from another URL', async (ctx) => {
    const make = (name: string): ScriptedFunction => ({
      id: 'stays',
      name,
      triggers: [{ event: 'p21/go' }],
      script: completes(),
    });
    const first = await system.scriptedApp(ctx, 'p21', make('one name'));
    await system.api.waitForRun(await system.api.sendOne({ name: 'p21/go' }));
    const second = await system.scriptedApp(ctx, 'p21', make('another name'));
    // The executors of a cluster learn of it a moment later.
    await until('a call of the second', async () => {
      await system.api.waitForRun(await system.api.sendOne({ name: 'p21/go' }));
      return second.callCount > 0 || undefined;
    });

    expect(second.calls()[0]?.ctx.fn_id).toBe(first.calls()[0]?.ctx.fn_id);
  });

  test.concurrent('[P22] the transport follows the scheme of the URL, not the type', async (ctx) => {
    const app = await startScriptedApp({ name: 'p22', functions: [] });
    ctx.onTestFinished(() => app.stop());
    app.setFunctions([
      {
        id: 'labelled',
        options: { steps: step({ type: 'ws', url: `${app.url}?fnId=p22-labelled&stepId=step` }) },
        script: completes('by http'),
      },
    ]);
    await app.register(system.server.url);

    expect(await system.api.waitForRun(await system.api.sendOne({ name: 'test/labelled' }))).toMatchObject({
      output: 'by http',
    });
  });

  test.concurrent('[P25] deployId is taken out of the URLs that are kept', async (ctx) => {
    const app = await startScriptedApp({ name: 'p25', functions: [] });
    ctx.onTestFinished(() => app.stop());
    const functions: ScriptedFunction[] = [
      {
        id: 'deployed',
        options: { steps: step({ type: 'http', url: `${app.url}?deployId=d1&fnId=p25-deployed&stepId=step` }) },
        script: () => completed('ok'),
      },
    ];
    app.setFunctions(functions);

    const answer = await system.api.request('POST', '/fn/register?deployId=d1', {
      body: registration({ name: 'p25', url: `${app.url}?deployId=d1`, functions }),
    });
    await system.api.waitForRun(await system.api.sendOne({ name: 'test/deployed' }));

    expect(answer.status).toBe(200);
    expect(app.calls()[0]?.url).not.toContain('deployId');
    const removed = await system.api.request('DELETE', `/fn/remove?url=${encodeURIComponent(app.url)}`);
    expect(removed.status).toBe(200);
  });

  test.concurrent('[H20] DELETE /fn/remove removes the app, a second time there is none', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'h20', { id: 'gone', script: completes() });
    const route = `/fn/remove?url=${encodeURIComponent(app.url)}`;

    const removed = await system.api.request('DELETE', route);
    await system.api.send({ name: 'test/gone' });
    await system.observer.fence();
    const again = await system.api.request('DELETE', route);

    expect(removed).toMatchObject({ status: 200, text: '' });
    expect(app.callCount).toBe(0);
    expect(again).toMatchObject({
      status: 404,
      body: { status: 404, error: expect.stringContaining('App not found') },
    });
  });
});

describe('a server that asks its applications', () => {
  /** Starts a server for one test. */
  async function start(ctx: TestContext, options: ServerOptions) {
    const server = await startServer(options);
    ctx.onTestFinished(() => server.stop());
    ctx.onTestFailed(() => console.error(`the log of the server, its end:\n${server.log}`));
    return server;
  }

  /** An endpoint that keeps the requests it gets and answers each with `answer`. */
  async function endpoint(
    ctx: TestContext,
    answer: (
      request: IncomingMessage,
      url: string,
    ) => { status: number; headers?: Record<string, string>; body: JsonValue } | 'hang',
  ) {
    const requests: {
      method: string;
      headers: IncomingMessage['headers'];
      body: string;
      ended: Promise<void>;
      atMs: number;
    }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const ended = new Promise<void>((resolve) => void response.once('close', resolve));
        requests.push({
          method: request.method ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
          ended,
          atMs: performance.now(),
        });
        const reply = answer(request, url());
        if (reply === 'hang') return;
        response.writeHead(reply.status, {
          'content-type': 'application/json',
          'x-inngest-sdk': 'js:v4.0.0',
          ...reply.headers,
        });
        response.end(JSON.stringify(reply.body));
      });
    });
    const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/inngest`;
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    ctx.onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    return { url: url(), requests };
  }

  /** Sends an event, and answers the runs that it has started within two seconds. */
  async function runsSoon(server: PerdureServer, name: string): Promise<RunView[]> {
    const eventId = await server.api.sendOne({ name });
    await server.api.waitForRuns(eventId, 1, { waitMs: 2_000 }).catch(() => undefined);
    return server.api.runsOf(eventId);
  }

  const put = (requests: { method: string }[]) => requests.find((request) => request.method === 'PUT');

  test.concurrent('[P23] dev --sdk-url: the application is asked with a PUT that holds its URL and nothing else, and registers', async (ctx) => {
    const port = await freePort();
    const sdk = await startSdkApp({
      id: 'polled',
      baseUrl: `http://127.0.0.1:${port}`,
      functions: () => [{ id: 'hello', on: { event: 'polled/go' }, run: () => 'hello' }],
    });
    ctx.onTestFinished(() => sdk.stop());
    const { url, requests } = await endpoint(ctx, () => ({ status: 200, body: { message: 'ok', modified: false } }));

    const server = await start(ctx, { port, args: ['--sdk-url', sdk.url, '--sdk-url', url] });
    await until('the PUT', () => put(requests));

    const run = await until('a run', async () => (await runsSoon(server, 'polled/go'))[0]);
    expect(run).toMatchObject({ status: 'Completed', output: 'hello' });
    const seen = requests.find((request) => request.method === 'PUT');
    expect(Object.keys(JSON.parse(seen?.body ?? '{}') as object)).toEqual(['url']);
    expect((JSON.parse(seen?.body ?? '{}') as { url: string }).url.replace('localhost', '127.0.0.1')).toBe(url);
    expect(seen?.headers).toMatchObject({
      'x-inngest-server-kind': 'dev',
      'content-type': expect.stringContaining('application/json'),
    });
    expect(seen?.headers).not.toHaveProperty('x-inngest-signature');
  });

  test.concurrent('dev --sdk-url: functions that the application gets later are found by asking again', async (ctx) => {
    const port = await freePort();
    const app = await startScriptedApp({
      name: 'growing',
      functions: [{ id: 'first', triggers: [{ event: 'growing/go' }], script: completes('first') }],
      serverUrl: `http://127.0.0.1:${port}`,
    });
    ctx.onTestFinished(() => app.stop());
    const server = await start(ctx, { port, args: ['--sdk-url', app.url] });
    await until('the first function', async () => {
      return (await runsSoon(server, 'growing/go')).length === 1 || undefined;
    });

    app.setFunctions([
      { id: 'first', triggers: [{ event: 'growing/go' }], script: completes('first') },
      { id: 'second', triggers: [{ event: 'growing/go' }], script: completes('second') },
    ]);

    await until('the second function', async () => {
      return (await runsSoon(server, 'growing/go')).length === 2 || undefined;
    });
    expect(app.calls('growing-second').length).toBeGreaterThan(0);
  });

  test.concurrent('[P23] an application that does not answer the PUT is given up after 10 s', async (ctx) => {
    const { url, requests } = await endpoint(ctx, (request) =>
      request.method === 'PUT' ? 'hang' : { status: 200, body: {} },
    );

    await start(ctx, { args: ['--sdk-url', url] });
    await until('the PUT', () => put(requests));
    const seen = requests.find((request) => request.method === 'PUT');
    await seen?.ended;

    const waitedMs = performance.now() - (seen?.atMs ?? 0);
    // Counted from when the test got to see the request: a moment after it was sent.
    expectWithin(waitedMs, [9_000, 11_000]);
  });

  test.concurrent('[P24] with keys the functions come in the answer to a signed PUT', async (ctx) => {
    const functions: ScriptedFunction[] = [{ id: 'inside', script: completes() }];
    const { url, requests } = await endpoint(ctx, (request, own) => {
      if (request.method === 'POST') return { status: 200, body: 'called' };
      if (request.headers['x-inngest-sync-kind'] !== 'in_band')
        return { status: 400, body: { message: 'in-band only' } };
      return {
        status: 200,
        headers: { 'x-inngest-sync-kind': 'in_band' },
        body: inBandSync({ name: 'in-band', url: own, functions }),
      };
    });

    const server = await start(ctx, { command: 'start', keys: TEST_KEYS, args: ['--sdk-url', url] });
    const run = await until('a run', async () => (await runsSoon(server, 'test/inside'))[0]);

    expect(run).toMatchObject({ status: 'Completed', output: 'called' });
    expect(requests.find((request) => request.headers['x-inngest-sync-kind'] === 'in_band')?.headers).toMatchObject({
      'x-inngest-signature': expect.stringMatching(/^t=\d+&s=[0-9a-f]{64}$/),
      'x-inngest-server-kind': 'cloud',
    });
  });

  test.concurrent('[P24] an application that declines in-band is registered by itself', async (ctx) => {
    const port = await freePort();
    const app = await startScriptedApp({
      name: 'declines',
      functions: [{ id: 'own', script: completes('own way') }],
      serverUrl: `http://127.0.0.1:${port}`,
      bearer: TEST_KEYS.signingKey,
    });
    ctx.onTestFinished(() => app.stop());
    const { url } = await endpoint(ctx, (request) => {
      if (request.method === 'PUT') void app.register(`http://127.0.0.1:${port}`);
      return {
        status: 200,
        headers: { 'x-inngest-sync-kind': 'out_of_band' },
        body: { message: 'ok', modified: true },
      };
    });

    const server = await start(ctx, { command: 'start', port, keys: TEST_KEYS, args: ['--sdk-url', url] });
    const run = await until('a run', async () => (await runsSoon(server, 'test/own'))[0]);

    expect(run).toMatchObject({ status: 'Completed', output: 'own way' });
  });
});
