import { request as httpRequest } from 'node:http';

import { encodeUlid, type JsonObject, type JsonValue } from '@perdure/domain';
import { runCompleteOp, stepRunOp } from '@perdure/testing';
import { Inngest } from 'inngest';
import { describe, expect, test, type TestContext } from 'vitest';

import { startEndpointApp } from './harness/endpoint-app.ts';
import { type Fixture, useServer } from './harness/fixture.ts';
import { listenByEvents, listenBySocket } from './harness/live-listener.ts';
import { aiOp, gatewayOp, memoOf, untilDone } from './harness/outbound-ops.ts';
import { answerJson, startOutsideWorld } from './harness/outside-world.ts';
import { until } from './harness/poll.ts';

/** Of version 4 of the SDK, as far as these tests use it. */
interface Realtime {
  publish(topic: TopicRef, data: unknown): Promise<void>;
  token(options: { channel: string; topics: string[] }): Promise<{ key: string }>;
  subscribe(options: {
    channel: string;
    topics: string[];
    onMessage: (message: SdkMessage) => void;
  }): Promise<{ close(): void }>;
}

interface TopicRef {
  channel: string;
  topic: string;
}

interface SdkMessage {
  kind: string;
  channel: string;
  topic: string;
  data: unknown;
  runId?: string;
  createdAt?: Date;
}

interface PublishStep {
  realtime: { publish(id: string, topic: TopicRef, data: unknown): Promise<unknown> };
}

/** The SDK's client, where it is no application. */
function sdkClient(system: Fixture): Realtime {
  const { url, keys } = system.server;
  const client = new Inngest({
    id: 'listener',
    baseUrl: url,
    isDev: keys === undefined,
    ...(keys !== undefined && { signingKey: keys.signingKey }),
  } as never);
  return client.realtime as unknown as Realtime;
}

async function subscribe(ctx: TestContext, realtime: Realtime, channel: string, ...topics: string[]) {
  const messages: SdkMessage[] = [];
  const subscription = await realtime.subscribe({ channel, topics, onMessage: (message) => messages.push(message) });
  ctx.onTestFinished(() => subscription.close());
  return messages;
}

async function tokenFor(system: Fixture, channel: string, ...names: string[]): Promise<string> {
  const topics = names.map((name) => ({ channel, name, kind: 'run' }));
  const answer = await system.api.request('POST', '/v1/realtime/token', { body: topics });
  expect(answer.status, answer.text).toBe(201);
  return answer.body['jwt'] as string;
}

const publish = (system: Fixture, query: string, body: string, headers: Record<string, string> = {}) =>
  system.api.request('POST', `/v1/realtime/publish?${query}`, { body, headers });

/** What an attempt to connect a WebSocket is answered with. */
function upgrade(system: Fixture, path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; body: string; kind: unknown }>((resolve, reject) => {
    const request = httpRequest(`${system.server.url}${path}`, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': Buffer.from('0123456789abcdef').toString('base64'),
        ...headers,
      },
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: 101, body: '', kind: response.headers['x-inngest-server-kind'] });
    });
    request.on('response', (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body, kind: response.headers['x-inngest-server-kind'] }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

describe.each(['dev', 'start'] as const)('the real SDK at a server in mode %s', (command) => {
  const system = useServer({ command });

  test('[P102] who subscribes gets what a step publishes, and what a function publishes beside its steps', async (ctx) => {
    const client = sdkClient(system);
    const id = `rt-${command}`;
    const app = await system.sdkApp(ctx, {
      id,
      functions: () => [
        {
          id: 'publishes',
          on: { event: `${id}/go` },
          run: async ({ step, event }) => {
            const topic = { channel: `${id}:${String(event.data['user'])}`, topic: 'progress' };
            const published = await (step as unknown as PublishStep).realtime.publish('tell', topic, { percent: 50 });
            await step.run('beside', () => client.publish(topic, 'done, "really"'));
            return published;
          },
        },
      ],
    });
    const mine = await subscribe(ctx, client, `${id}:1`, 'progress', 'other');
    const others = await subscribe(ctx, client, `${id}:2`, 'progress');

    const { ids } = await app.send({ name: `${id}/go`, data: { user: 1 } });
    const run = await system.api.waitForRun(ids[0] ?? '');
    await until('two messages', () => (mine.length >= 2 ? true : undefined));
    await client.publish({ channel: `${id}:2`, topic: 'progress' }, [null]);
    await until('a message to the other', () => (others.length > 0 ? true : undefined));

    expect(run).toMatchObject({ status: 'Completed', output: { percent: 50 } });
    const common = { kind: 'data', channel: `${id}:1`, topic: 'progress', createdAt: expect.any(Date) };
    expect(mine).toMatchObject([
      { ...common, data: { percent: 50 }, runId: run.run_id },
      { ...common, data: 'done, "really"' },
    ]);
    expect(others).toMatchObject([{ channel: `${id}:2`, data: [null] }]);
  });

  test('a stream that the SDK publishes comes in chunks between its start and its end', async (ctx) => {
    const channel = `streams-${command}`;
    // The SDK of version 4.24 can publish a stream, and throws when it is to read one.
    const { frames } = await listenBySocket(ctx, system.server.url, await tokenFor(system, channel, 'words'));
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const bytes = new TextEncoder().encode('größer');

    const publishing = sdkClient(system).publish({ channel, topic: 'words' }, readable);
    // In the middle of a character.
    await writer.write(bytes.slice(0, 3));
    await until('the first chunk, while the stream is open', () => frames.find(({ kind }) => kind === 'chunk'));
    await writer.write(bytes.slice(3));
    await writer.close();
    await publishing;
    const end = await until('the end', () => frames.find(({ kind }) => kind === 'datastream-end'));

    const streamId = end['data'];
    const chunk = { kind: 'chunk', stream_id: streamId, channel, topic: 'words' };
    expect(frames).toMatchObject([
      { kind: 'datastream-start', data: streamId, channel, topic: 'words' },
      { ...chunk, data: 'gr' },
      { ...chunk, data: 'ößer' },
      { kind: 'datastream-end', data: streamId, channel, topic: 'words' },
    ]);
  });
});

describe.each(['dev', 'start'] as const)('a durable endpoint at a server in mode %s', (command) => {
  const system = useServer({ command });

  test('tells its client where to listen to what it sends once the platform calls it', async (ctx) => {
    const app = await startEndpointApp({
      baseUrl: system.server.url,
      keys: system.server.keys,
      endpoints: {
        '/wait': async (_request, step) => {
          await step.run('first', () => 1);
          await step.sleep('nap', '5s');
          return { answer: await step.run('second', () => 2) };
        },
      },
    });
    ctx.onTestFinished(() => app.stop());

    const response = await fetch(`${app.url}/wait`, { headers: { accept: 'text/event-stream' } });
    const text = await response.text();
    const redirect = JSON.parse(/event: inngest.redirect_info\ndata: (.*)/.exec(text)?.[1] ?? '{}') as { url: string };
    const url = new URL(redirect.url);
    expect(url.origin + url.pathname).toBe(`${system.server.url}/v1/realtime/sse`);
    const { received } = await listenByEvents(ctx, url.origin, url.searchParams.get('token') ?? '');

    await until('the answer', () => (received.text.includes('event: inngest.response') ? true : undefined));
    const [, answer = '{}'] = /event: inngest.response\ndata: (.*)/.exec(received.text) ?? [];
    expect(JSON.parse(answer)).toMatchObject({ status: 'succeeded', response: { body: '{"answer":2}' } });
  });
});

describe('the routes of realtime, with keys', () => {
  const system = useServer({ command: 'start' });
  const noKey = { authorization: '' };

  test('[P102][H37] a token is a JWT for one minute; messages over WebSocket say what they are of', async (ctx) => {
    const token = await tokenFor(system, 'chan-a', 'top', 'other');
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as JsonObject;
    expect(claims).toMatchObject({
      iss: 'rt.inngest.com',
      env: expect.stringMatching(/^[0-9a-f-]{36}$/),
      publish: false,
      topics: [
        { kind: 'run', env_id: claims['env'], channel: 'chan-a', name: 'top' },
        { kind: 'run', env_id: claims['env'], channel: 'chan-a', name: 'other' },
      ],
    });
    expect((claims['exp'] as number) - (claims['iat'] as number)).toBe(60);
    const { frames } = await listenBySocket(ctx, system.server.url, token);

    const answer = await publish(
      system,
      'channel=chan-a&topic=top&topic=unheard&run_id=r1&metadata={"a":1}',
      '{ "hello": 1,\n "large": 12345678901234567890 }',
    );
    expect(answer).toMatchObject({ status: 200, text: '' });
    await publish(system, 'channel=chan-a&topic=other', 'null');
    await until('both messages', () => (frames.length >= 2 ? true : undefined));

    expect(frames).toEqual([
      {
        kind: 'data',
        data: { hello: 1, large: Number('12345678901234567890') },
        created_at: expect.stringMatching(/^\d{4}-.*Z$/),
        channel: 'chan-a',
        env_id: claims['env'],
        topic: 'top',
        run_id: 'r1',
        metadata: { a: 1 },
      },
      {
        kind: 'data',
        data: null,
        created_at: expect.any(String),
        channel: 'chan-a',
        env_id: claims['env'],
        topic: 'other',
      },
    ]);
  });

  test('[H37] server-sent events bring what is published from then on', async (ctx) => {
    await publish(system, 'channel=sse&topic=t', '"before"');
    const events = await listenByEvents(ctx, system.server.url, await tokenFor(system, 'sse', 't'));

    expect(events.response.status).toBe(200);
    expect(events.response.headers.get('content-type')).toBe('text/event-stream');
    expect(events.response.headers.get('x-inngest-server-kind')).toBe('cloud');
    expect(events.response.headers.get('access-control-allow-origin')).toBe('*');
    await publish(system, 'channel=sse&topic=t', '{\n  "pretty": [1,\r\n 2]\n}');
    await publish(system, 'channel=sse&topic=t', '"last"');
    await until('the last event', () => (events.received.text.includes('"last"') ? true : undefined));

    const messages = events.received.text
      .split('\n\n')
      .filter((event) => event.startsWith('data: '))
      .map((event) => JSON.parse(event.replaceAll(/^data: /gm, '')) as JsonObject);
    expect(messages).toMatchObject([
      { kind: 'data', data: { pretty: [1, 2] }, channel: 'sse', topic: 't' },
      { kind: 'data', data: 'last', created_at: expect.any(String), env_id: expect.any(String) },
    ]);
  });

  test('[H37] without a token nobody listens', async () => {
    const expired = `${await tokenFor(system, 'c', 't')}x`;
    const refusal = { error: 'Not authenticated', data: null, status: 401 };
    for (const query of ['', '?token=', '?token=nothing', `?token=${expired}`]) {
      const sse = await system.api.request('GET', `/v1/realtime/sse${query}`);
      expect(sse, query).toMatchObject({ status: 401, body: refusal });
      const socket = await upgrade(system, `/v1/realtime/connect${query}`);
      expect(socket, query).toMatchObject({ status: 401, kind: 'cloud' });
      expect(JSON.parse(socket.body)).toEqual(refusal);
      expect((await system.api.request('GET', `/v1/realtime/connect${query}`)).status, query).toBe(401);
    }
  });

  test('a token may also come as bearer; other addresses take no WebSocket, this one nothing else', async () => {
    const token = await tokenFor(system, 'c', 't');
    const bearer = { authorization: `Bearer ${token}` };

    expect(await upgrade(system, '/v1/realtime/connect', bearer)).toMatchObject({ status: 101, kind: 'cloud' });
    expect((await upgrade(system, '/v1/realtime/elsewhere', bearer)).status).toBe(404);
    expect((await system.api.request('GET', `/v1/realtime/connect?token=${token}`)).status).toBe(426);
    // What Java's client offers with every request.
    expect(await upgrade(system, '/health', { upgrade: 'h2c', connection: 'Upgrade' })).toMatchObject({ status: 200 });
  });

  test('what is no list of topics gets no token, nor does who has no key', async () => {
    const topics = [{ channel: 'c', name: 't', kind: 'run' }];
    const token = (body: JsonValue, headers = {}) =>
      system.api.request('POST', '/v1/realtime/token', { body, headers });

    for (const body of ['', '{}', 'null', '[]', '[1]', '[{"channel":"c"}]', '[{"channel":"c","name":7}]']) {
      expect(await token(body), body).toMatchObject({
        status: 400,
        body: { error: 'Invalid request: must provide a list of topics', status: 400 },
      });
    }
    expect((await token(topics)).status).toBe(201);
    expect((await token(topics, noKey)).status).toBe(401);
    expect((await token(topics, { authorization: `Bearer ${'cd'.repeat(32)}` })).status).toBe(401);
  });

  test('[P103] what is no JSON arrives as a string', async (ctx) => {
    const { frames } = await listenBySocket(ctx, system.server.url, await tokenFor(system, 'texts', 't'));
    const bodies = ['plain text', '{"broken":', '', 'line\nline "quoted" \\ \u0001 ä', '[NaN]'];

    for (const body of bodies) {
      expect((await publish(system, 'channel=texts&topic=t', body)).status, body).toBe(200);
    }
    const octets = { 'content-type': 'application/octet-stream' };
    expect((await publish(system, 'channel=texts&topic=t', 'octets', octets)).status).toBe(200);
    await until('all of them', () => (frames.length > bodies.length ? true : undefined));

    expect(frames.map(({ data }) => data)).toEqual([...bodies, 'octets']);
  });

  test('[P103] nobody publishes without a key, nor with a token that is for listening', async (ctx) => {
    const token = await tokenFor(system, 'guarded', 't');
    const { frames } = await listenBySocket(ctx, system.server.url, token);
    const query = 'channel=guarded&topic=t';

    for (const path of ['publish', 'publish/tee']) {
      for (const bearer of ['', 'Bearer nothing', `Bearer ${'cd'.repeat(32)}`, `Bearer ${token}`]) {
        const answer = await system.api.request('POST', `/v1/realtime/${path}?${query}`, {
          body: '1',
          headers: { authorization: bearer },
        });
        expect(answer, `${path} ${bearer}`).toMatchObject({ status: 401, body: { error: 'Not authenticated' } });
      }
    }
    expect((await publish(system, `${query}&token=${token}`, '1', noKey)).status).toBe(401);
    await publish(system, query, '"allowed"');
    await until('what was allowed', () => (frames.length > 0 ? true : undefined));

    expect(frames.map(({ data }) => data)).toEqual(['allowed']);
  });

  test('a message has at most 512 KiB, and a channel and a topic to go to', async (ctx) => {
    const { frames } = await listenBySocket(ctx, system.server.url, await tokenFor(system, 'large', 't'));
    const largest = 'x'.repeat(512 * 1024);

    expect((await publish(system, 'channel=large&topic=t', `${largest}x`)).status).toBe(413);
    expect((await publish(system, 'channel=large&topic=t', largest)).status).toBe(200);
    // Written as JSON each of these takes six bytes.
    expect((await publish(system, 'channel=large&topic=t', '\u0001'.repeat(512 * 1024))).status).toBe(200);
    for (const query of [
      '',
      'channel=large',
      'channel=&topic=t',
      'topic=t',
      'channel=large&topic=',
      'channel=large&topic=t&metadata=x',
    ]) {
      expect((await publish(system, query, '1')).status, query).toBe(400);
    }
    await until('both', () => (frames.length >= 2 ? true : undefined));

    expect(frames.map(({ data }) => (data as string).length)).toEqual([512 * 1024, 512 * 1024]);
  });

  test('a stream is cut into chunks of at most 1 KiB, and ended after a thousand', async (ctx) => {
    const { frames } = await listenBySocket(ctx, system.server.url, await tokenFor(system, 'cut', 't'));
    const stream = { 'content-type': 'text/stream' };
    const text = 'ä€😀'.repeat(500);

    expect(await publish(system, 'channel=cut&topic=t', text, stream)).toMatchObject({ status: 200, text: '' });
    await until('the end', () => frames.find(({ kind }) => kind === 'datastream-end'));
    const chunks = frames.filter(({ kind }) => kind === 'chunk');
    expect(chunks.map(({ data }) => data as string).join('')).toBe(text);
    for (const { data } of chunks) expect(Buffer.byteLength(data as string)).toBeLessThanOrEqual(1024);
    const streamId = frames[0]?.['data'];
    expect(frames[0]).toMatchObject({ kind: 'datastream-start', channel: 'cut', topic: 't' });
    expect(chunks[0]).toMatchObject({ stream_id: streamId, channel: 'cut', topic: 't' });
    expect(frames.at(-1)).toMatchObject({ kind: 'datastream-end', data: streamId });

    frames.length = 0;
    expect((await publish(system, 'channel=cut&topic=t', 'x'.repeat(1024 * 1001), stream)).status).toBe(413);
    await until('the end', () => frames.find(({ kind }) => kind === 'datastream-end'));
    expect(frames.filter(({ kind }) => kind === 'chunk')).toHaveLength(1_000);
  });

  test('a subscriber may listen to more by another token, and to less', async (ctx) => {
    const { socket, frames, closed } = await listenBySocket(
      ctx,
      system.server.url,
      await tokenFor(system, 'more', 'a'),
    );

    socket.send(JSON.stringify({ kind: 'sub', data: await tokenFor(system, 'more', 'a', 'b') }));
    await until('a message to b', async () => {
      await publish(system, 'channel=more&topic=b', '"b"');
      return frames.length > 0 ? true : undefined;
    });
    socket.send('what?');
    socket.send(JSON.stringify({ kind: 'unsub', data: ['b'] }));
    await until('silence of b', async () => {
      frames.length = 0;
      await publish(system, 'channel=more&topic=b', '"b"');
      await publish(system, 'channel=more&topic=a', '"a"');
      await until('a', () => (frames.some(({ data }) => data === 'a') ? true : undefined));
      return frames.length === 1 ? true : undefined;
    });

    socket.send(JSON.stringify({ kind: 'sub', data: 'no token' }));
    expect(await closed).toMatchObject({ code: 1008, reason: 'the token of a subscription is not valid' });
  });

  test('what a step fetches is shown while it comes in, when the step names a topic', async (ctx) => {
    const { frames } = await listenBySocket(ctx, system.server.url, await tokenFor(system, 'fetched', 't'));
    const shown = Promise.withResolvers<void>();
    const world = await startOutsideWorld(ctx, async ({ url }, response) => {
      if (url !== '/') return answerJson(response, 400, 'the key was sk-secret-of-the-user');
      response.writeHead(200).write('first ');
      await shown.promise;
      response.end('second');
    });
    const topic = { channel: 'fetched', topic: 't' };
    const steps = [
      gatewayOp('fetch', { url: `${world.url}/`, publish: topic }),
      aiOp('infer', { url: `${world.url}/infer`, auth_key: 'sk-secret-of-the-user', publish: topic }),
    ];
    await system.scriptedApp(ctx, 'fetches', { id: 'fetches', retries: 0, script: untilDone(steps) });

    const eventId = await system.api.sendOne({ name: 'test/fetches' });
    await until('the first part', () => frames.find(({ data }) => data === 'first '));
    shown.resolve();
    const run = await system.api.waitForRun(eventId);
    await until('the end', () => frames.find(({ kind }) => kind === 'datastream-end'));

    expect(memoOf(run.output, 'fetch')).toMatchObject({ data: { body: 'first second' } });
    expect(memoOf(run.output, 'infer')).toMatchObject({ error: { name: 'AIGatewayError' } });
    expect(frames.map(({ kind, data, run_id: runId }) => [kind, kind === 'chunk' && data, runId])).toEqual([
      ['datastream-start', false, run.run_id],
      ['chunk', 'first ', run.run_id],
      ['chunk', 'second', run.run_id],
      ['datastream-end', false, run.run_id],
    ]);
  });

  test('who waits for a durable endpoint is relayed what it sends, as it is', async (ctx) => {
    const runId = encodeUlid(Date.now(), crypto.getRandomValues(new Uint8Array(10)));
    const data = { domain: 'http://127.0.0.1:9', method: 'GET', path: '/', query_params: '', body: '' };
    const started = await system.api.request('POST', '/v1/checkpoint', {
      body: {
        run_id: runId,
        event: { name: 'inngest/http.request', data },
        steps: [stepRunOp('a', 1), runCompleteOp('done')] as never,
      },
    });
    const { realtime_token: token = '' } = started.body['data'] as Record<string, string>;
    const events = await listenByEvents(ctx, system.server.url, token);
    const text = 'event: inngest.commit\ndata: {"hashedStepId":"ä"}\n\n';
    const tee = (body: string) =>
      system.api.request('POST', `/v1/realtime/publish/tee?channel=${runId}`, {
        body,
        headers: { 'content-type': 'application/octet-stream' },
      });

    expect(await tee(text)).toMatchObject({ status: 200, text });
    await until('the event', () => (events.received.text.endsWith(text) ? true : undefined));
    expect((await tee('x'.repeat(1024 * 1024 + 1))).status).toBe(413);
  });
});
