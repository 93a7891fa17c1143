import { createHash, createHmac } from 'node:crypto';

import { completed, completes, fromSdk, startScriptedApp, stepRunOp } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';
import { TEST_KEYS } from './harness/server.ts';

const { signingKey, eventKey } = TEST_KEYS;
const hashed = createHash('sha256').update(Buffer.from(signingKey, 'hex')).digest('hex');
const wrongKey = 'cd'.repeat(32);

describe('a server with keys', () => {
  const system = useServer({ command: 'start', args: ['--event-key', 'a-second-event-key'] });

  test.concurrent('[H4][P29] the signing key opens: raw or hashed, with a prefix or without', async () => {
    const bearers = [signingKey, hashed, `signkey-prod-${signingKey}`, `signkey-test-${hashed}`];

    const answers = await Promise.all(
      bearers.map((bearer) =>
        system.api.request('GET', '/v1/events', { headers: { authorization: `Bearer ${bearer}` } }),
      ),
    );

    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
  });

  test.concurrent.for([
    ['GET', '/v1/events'],
    ['GET', '/v1/events/01KAZZZZZZZZZZZZZZZZZZZZZZ/runs'],
    ['GET', '/v1/runs/01KAZZZZZZZZZZZZZZZZZZZZZZ'],
    ['DELETE', '/v1/runs/01KAZZZZZZZZZZZZZZZZZZZZZZ'],
    ['POST', '/fn/register'],
    ['DELETE', '/fn/remove?url=http://x'],
    ['GET', '/v0/runs/01KAZZZZZZZZZZZZZZZZZZZZZZ/actions'],
    ['GET', '/v0/runs/01KAZZZZZZZZZZZZZZZZZZZZZZ/batch'],
    ['POST', '/v1/checkpoint/01KAZZZZZZZZZZZZZZZZZZZZZZ/async'],
    ['GET', '/dev'],
  ] as const)('[H4][P30] %s %s without the key is 401', async ([method, path]) => {
    for (const authorization of [
      '',
      'Bearer undefined',
      `Bearer ${wrongKey}`,
      `Bearer ${hashed.toUpperCase()}x`,
      signingKey,
    ]) {
      const answer = await system.api.request(method, path, {
        headers: { authorization },
        ...(method === 'POST' && { body: {} }),
      });

      expect(answer.status, authorization).toBe(401);
      expect(answer.text).toContain('Authentication failed');
    }
  });

  test.concurrent('[H2] health is for everybody', async () => {
    const answer = await system.api.request('GET', '/health', { headers: { authorization: '' } });

    expect(answer).toMatchObject({ status: 200, body: { status: 200, message: 'OK' } });
  });

  test.concurrent('[H5][P9] an unknown event key is 401 with JSON, any configured one is accepted', async () => {
    const post = (key: string) =>
      system.api.request('POST', `/e/${key}`, { body: { name: 'h5/x' }, headers: { authorization: '' } });

    expect(await post('wrong')).toMatchObject({ status: 401, body: { status: 401, error: 'Event key not found' } });
    expect(await post(eventKey)).toMatchObject({ status: 200, body: { status: 200, ids: [expect.any(String)] } });
    expect(await post('a-second-event-key')).toMatchObject({ status: 200 });
  });

  test.concurrent('[H7] there is no dev server here', async () => {
    expect((await system.api.request('GET', '/dev')).status).toBe(404);
  });

  test.concurrent('[H1] every answer says that it is a server with keys', async () => {
    const answers = await Promise.all(
      ['/health', '/v1/events', '/dev', '/v1/nothing', '/e/x'].map((path) => system.api.request('GET', path)),
    );

    expect(answers.map((answer) => answer.headers.get('x-inngest-server-kind'))).toEqual([
      'cloud',
      'cloud',
      'cloud',
      'cloud',
      'cloud',
    ]);
  });

  test.concurrent('[P26][P27][P31] calls are signed over the bytes that are sent; answers need no signature', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'signed', {
      id: 'signed',
      script: (call) =>
        call.ctx.stack.stack.length === 0 ? fromSdk(206, [stepRunOp('a', { 'ü<&>': 1e21 })]) : completed('ok'),
    });

    const run = await system.api.waitForRun(
      await system.api.sendOne({ name: 'test/signed', data: { text: '\u2028<>&"', n: 1e-7 } }),
    );

    expect(run).toMatchObject({ status: 'Completed', output: 'ok' });
    expect(app.callCount).toBe(2);
    for (const call of app.calls()) {
      const header = String(call.headers['x-inngest-signature']);
      const [, t = '', s = ''] = /^t=(\d+)&s=([0-9a-f]{64})$/.exec(header) ?? [];
      expect(s).toBe(createHmac('sha256', signingKey).update(call.rawBody).update(t).digest('hex'));
      expect(Math.abs(Number(t) - Date.now() / 1_000)).toBeLessThan(60);
    }
  });
});

describe('a server without keys', () => {
  const system = useServer();

  test.concurrent('[P32][P11] nothing is signed, and any bearer may register', async (ctx) => {
    const app = await startScriptedApp({
      name: 'unsigned',
      functions: [{ id: 'unsigned', script: completes() }],
      bearer: 'whatever',
    });
    ctx.onTestFinished(() => app.stop());
    await app.register(system.server.url);

    await system.api.waitForRun(await system.api.sendOne({ name: 'test/unsigned' }));

    expect(app.calls()[0]?.headers).not.toHaveProperty('x-inngest-signature');
  });
});
