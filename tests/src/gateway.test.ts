import type { JsonObject } from '@perdure/domain';
import { ops, startScriptedApp, stepHash, stepPlannedOp, stepRunOp, waitForEventOp } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { Tally, useServer } from './harness/fixture.ts';
import { aiOp, gatewayOp, memoOf, untilDone } from './harness/outbound-ops.ts';
import { answerJson, startOutsideWorld } from './harness/outside-world.ts';
import { until } from './harness/poll.ts';
import { startServer } from './harness/server.ts';

const system = useServer({ args: ['--retry-interval', '1', '--log-level', 'debug'] });

describe('step.fetch', () => {
  test.concurrent('[P71] the platform makes the request; any status is an answer, with joined headers and the body as text', async (ctx) => {
    const world = await startOutsideWorld(ctx, (_request, response) => {
      response.writeHead(404, { 'content-type': 'text/plain', 'x-two': ['a', 'b'] }).end('no such thing');
    });
    const op = gatewayOp('f', { url: `${world.url}/a?b=c`, method: 'PUT', headers: { 'x-mine': 'm' }, body: 'sent' });
    await system.scriptedApp(ctx, 'p71', { id: 'f', script: untilDone([op]) });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/f' }));

    expect(world.requests).toMatchObject([{ method: 'PUT', url: '/a?b=c', body: 'sent', headers: { 'x-mine': 'm' } }]);
    expect(memoOf(run.output, 'f')).toEqual({
      data: {
        url: `${world.url}/a?b=c`,
        status_code: 404,
        body: 'no such thing',
        headers: expect.objectContaining({ 'Content-Type': 'text/plain', 'X-Two': 'a,b' }) as JsonObject,
      },
    });
  });

  test.concurrent('[P71] a request without an answer repeats the same call, and ends as a GatewayError of the step', async (ctx) => {
    const world = await startOutsideWorld(ctx, (_request, response) => response.destroy());
    const op = gatewayOp('f', { url: `${world.url}/` });
    const app = await system.scriptedApp(ctx, 'p71-fails', { id: 'fails', retries: 2, script: untilDone([op]) });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/fails' }));

    expect(run.status).toBe('Completed');
    expect(memoOf(run.output, 'f')).toEqual({
      error: {
        name: 'GatewayError',
        message: expect.stringMatching(/^Error making gateway request: ./) as string,
      },
    });
    expect(world.requests).toHaveLength(3);
    expect(world.requests[0]?.method).toBe('POST');
    const calls = app.calls();
    expect(calls.map((call) => [call.stepId, call.ctx.attempt])).toEqual([
      ['step', 0],
      ['step', 1],
      ['step', 2],
      ['step', 0],
    ]);
    expect(new Set(calls.slice(0, 3).map((call) => call.headers['x-inngest-job-id'])).size).toBe(1);
  });

  test.concurrent('several are made at once, and one that fails is tried again without the others', async (ctx) => {
    const arrived: (() => void)[] = [];
    const world = await startOutsideWorld(ctx, (request, response) => {
      if (request.url === '/shaky' && world.requests.filter(({ url }) => url === '/shaky').length === 1) {
        arrived.push(() => response.destroy());
      } else arrived.push(() => answerJson(response, 200, request.url));
      // Each is answered only when all have come.
      if (world.requests.length >= 3) for (const go of arrived.splice(0)) go();
    });
    const script = untilDone(['/a', '/b', '/shaky'].map((path) => gatewayOp(path, { url: world.url + path })));
    const app = await system.scriptedApp(ctx, 'at-once', { id: 'at-once', script });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/at-once' }));

    expect(run.status).toBe('Completed');
    expect(world.requests.map(({ url }) => url).toSorted()).toEqual(['/a', '/b', '/shaky', '/shaky']);
    expect(memoOf(run.output, '/shaky')).toMatchObject({ data: { body: '"/shaky"' } });
    expect(app.calls().map((call) => [call.ctx.attempt, call.ctx.stack.stack.length])).toEqual([
      [0, 0],
      [1, 2],
      [0, 3],
    ]);
  });

  test.concurrent('[P64] a wait beside a request is there before the request is made: its event is not missed', async (ctx) => {
    const world = await startOutsideWorld(ctx, (_request, response) => {
      // The answer goes out long after the event that it causes.
      void system.api
        .sendOne({ name: 'p64/back', data: { n: 7 } })
        .then((id) => system.api.waitForEvent(id))
        .finally(() => response.end('sent'));
    });
    const steps = [gatewayOp('ask', { url: world.url }), waitForEventOp('back', { event: 'p64/back', timeout: '20s' })];
    await system.scriptedApp(ctx, 'p64', { id: 'p64', script: untilDone(steps) });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/p64' }));

    expect(memoOf(run.output, 'back')).toMatchObject({ name: 'p64/back', data: { n: 7 } });
    expect(world.requests).toHaveLength(1);
  });

  test.concurrent('[P63] what fails the run beside a request fails it before the request is made', async (ctx) => {
    const world = await startOutsideWorld(ctx, (_request, response) => response.end('never'));
    const steps = [
      gatewayOp('ask', { url: world.url }),
      waitForEventOp('back', { event: 'p63/back', timeout: '20s', if: 'event.data.(' }),
    ];
    await system.scriptedApp(ctx, 'p63-gateway', { id: 'p63-gateway', script: untilDone(steps) });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/p63-gateway' }));

    expect(run).toMatchObject({ status: 'Failed', output: { error: { name: 'InvalidExpression' } } });
    expect(world.requests).toEqual([]);
  });

  test.concurrent('steps planned beside a request run while it is open; one discovery follows all of them', async (ctx) => {
    const ran = Promise.withResolvers<void>();
    const world = await startOutsideWorld(
      ctx,
      (_request, response) => void ran.promise.then(() => response.end('late')),
    );
    const steps = [gatewayOp('ask', { url: world.url }), stepPlannedOp('beside')];
    const app = await system.scriptedApp(ctx, 'beside', {
      id: 'beside',
      script: (call) => {
        if (call.stepId !== stepHash('beside')) return untilDone(steps)(call);
        ran.resolve();
        return ops(stepRunOp('beside', 'ran'));
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/beside' }));

    expect(run.status).toBe('Completed');
    expect(memoOf(run.output, 'ask')).toMatchObject({ data: { body: 'late' } });
    expect(app.calls().map((call) => call.stepId)).toEqual(['step', stepHash('beside'), 'step']);
  });

  test.concurrent('fetch of the real SDK: what it gives is a Response, also of a status without a body', async (ctx) => {
    const world = await startOutsideWorld(ctx, (request, response) => {
      if (request.method === 'DELETE') response.writeHead(204).end();
      else answerJson(response, 201, { got: request.body, of: request.headers['x-a'] ?? null });
    });
    const bodies = new Tally();
    const { fetch: stepFetch } = await import('inngest');
    const app = await system.sdkApp(ctx, {
      id: 'real-fetch',
      functions: () => [
        {
          id: 'f',
          on: { event: 'real-fetch/go' },
          run: async ({ step }) => {
            const created = await stepFetch(world.url, { method: 'POST', headers: { 'x-a': '1' }, body: 'sent' });
            const json: unknown = await created.json();
            const gone = await stepFetch(world.url, { method: 'DELETE' });
            await step.run('after', () => bodies.hit('after'));
            return { status: created.status, type: created.headers.get('content-type'), json, gone: gone.status };
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'real-fetch/go' });
    const run = await system.api.waitForRun(ids[0] ?? '');

    expect(run).toMatchObject({
      status: 'Completed',
      output: { status: 201, type: 'application/json', json: { got: 'sent', of: '1' }, gone: 204 },
    });
    expect(world.requests).toHaveLength(2);
    expect(bodies.counts).toEqual({ after: 1 });
  });

  test('a crash while a request is open makes it again, and the run completes', { timeout: 90_000 }, async (ctx) => {
    const server = await startServer({ persist: true, args: ['--retry-interval', '1'] });
    ctx.onTestFinished(() => server.stop());
    const world = await startOutsideWorld(ctx, (_request, response) => {
      if (world.requests.length > 1) response.end('second');
    });
    const script = untilDone([gatewayOp('ask', { url: world.url })]);
    const app = await startScriptedApp({ name: 'crash', functions: [{ id: 'crash', script }] });
    ctx.onTestFinished(() => app.stop());
    await app.register(server.url);
    const eventId = await server.api.sendOne({ name: 'test/crash' });
    await until('the request', () => (world.requests.length === 1 ? true : undefined));

    await server.kill9();
    await server.start();

    const run = await server.api.waitForRun(eventId, { waitMs: 60_000 });
    expect(memoOf(run.output, 'ask')).toMatchObject({ data: { body: 'second' } });
    expect(world.requests).toHaveLength(2);
  });
});

describe('step.ai.infer', () => {
  test.concurrent('[P70] each format has its key where its provider expects it', async (ctx) => {
    const world = await startOutsideWorld(ctx, (request, response) => answerJson(response, 200, { at: request.url }));
    const key = 'key-of-p70';
    const script = untilDone([
      aiOp('default', { url: `${world.url}/default`, auth_key: key }),
      aiOp('openai', { url: `${world.url}/openai`, auth_key: key, format: 'openai-chat' }),
      aiOp('anthropic', {
        url: `${world.url}/anthropic`,
        auth_key: key,
        format: 'anthropic',
        headers: { 'anthropic-version': '2023-06-01' },
      }),
      aiOp('gemini', { url: `${world.url}/gemini`, auth_key: key, format: 'gemini' }),
      aiOp('bedrock', { url: `${world.url}/bedrock`, auth_key: `AWS4 ${key}`, format: 'bedrock' }),
    ]);
    await system.scriptedApp(ctx, 'p70', { id: 'p70', script });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/p70' }));

    expect(memoOf(run.output, 'openai')).toEqual({ data: { at: '/openai' } });
    const sent = Object.fromEntries(world.requests.map((request) => [request.url.split('?')[0], request]));
    expect(world.requests.every(({ method, body }) => method === 'POST' && body === '{"model":"m"}')).toBe(true);
    expect(sent['/default']?.headers.authorization).toBe(`Bearer ${key}`);
    expect(sent['/openai']?.headers.authorization).toBe(`Bearer ${key}`);
    expect(sent['/anthropic']?.headers).toMatchObject({ 'x-api-key': key, 'anthropic-version': '2023-06-01' });
    expect(sent['/anthropic']?.headers).not.toHaveProperty('authorization');
    expect(sent['/gemini']?.url).toBe(`/gemini?key=${key}`);
    expect(sent['/bedrock']?.headers.authorization).toBe(`AWS4 ${key}`);
  });

  test.concurrent('[P70] a provider that refuses is asked again by the same call, and its answer is an AIGatewayError', async (ctx) => {
    const world = await startOutsideWorld(ctx, (_request, response) => answerJson(response, 422, { error: 'no' }));
    const script = untilDone([aiOp('i', { url: world.url, auth_key: 'key-of-refused' })]);
    const app = await system.scriptedApp(ctx, 'refused', { id: 'refused', retries: 1, script });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/refused' }));

    expect(run.status).toBe('Completed');
    expect(memoOf(run.output, 'i')).toEqual({
      error: {
        name: 'AIGatewayError',
        message: 'Error making AI request: unsuccessful status code: 422',
        data: { error: 'no' },
        stack: '{"error":"no"}',
      },
    });
    expect(world.requests).toHaveLength(2);
    expect(app.calls().map((call) => [call.stepId, call.ctx.attempt])).toEqual([
      ['step', 0],
      ['step', 1],
      ['step', 0],
    ]);
  });

  test.concurrent('infer of the real SDK, streamed or not: the function gets one answer', async (ctx) => {
    const completion = { id: 'c', choices: [{ index: 0, message: { role: 'assistant', content: 'whole' } }] };
    const world = await startOutsideWorld(ctx, (request, response) => {
      const { stream } = JSON.parse(request.body) as { stream?: boolean };
      if (stream !== true) return answerJson(response, 200, completion);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const content of ['in ', 'pieces']) {
        response.write(`data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content } }] })}\n\n`);
      }
      response.end('data: [DONE]\n\n');
    });
    const app = await system.sdkApp(ctx, {
      id: 'real-infer',
      functions: () => [
        {
          id: 'f',
          on: { event: 'real-infer/go' },
          run: async ({ step }) => {
            const { ai } = step as unknown as { ai: RealAi };
            const model = ai.models.openai({ model: 'gpt', apiKey: 'key-of-real-infer', baseUrl: `${world.url}/v1` });
            const whole = await ai.infer('whole', { model, body: { messages: [] } });
            const streamed = await ai.infer('streamed', { model, body: { messages: [], stream: true } });
            return { whole, streamed };
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'real-infer/go' });
    const run = await system.api.waitForRun(ids[0] ?? '');

    expect(run).toMatchObject({
      status: 'Completed',
      output: { whole: completion, streamed: { choices: [{ message: { content: 'in pieces' } }] } },
    });
    expect(world.requests[0]).toMatchObject({
      url: '/v1/chat/completions',
      headers: { authorization: 'Bearer key-of-real-infer' },
    });
  });
});

interface RealAi {
  models: { openai(options: { model: string; apiKey: string; baseUrl: string }): unknown };
  infer(id: string, options: { model: unknown; body: JsonObject }): Promise<JsonObject>;
}
