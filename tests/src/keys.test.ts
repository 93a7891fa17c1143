import { runCompleteOp, stepRunOp } from '@perdure/testing';
import { encodeUlid, type JsonObject } from '@perdure/domain';
import { describe, expect, test, type TestContext } from 'vitest';

import { useServer } from './harness/fixture.ts';
import { startSdkApp, type SdkApp, type SdkName } from './harness/sdk-app.ts';
import { type PerdureServer, startServer, TEST_KEYS } from './harness/server.ts';

const OLD = TEST_KEYS.signingKey;
const NEW = 'cd'.repeat(32);
const UNKNOWN = 'ef'.repeat(32);
const { eventKey } = TEST_KEYS;

/** An application that reports its steps while it is called, in the mode in which it verifies what calls it. */
async function appWith(
  ctx: TestContext,
  server: PerdureServer,
  { id, sdk = 'v4', keys }: { id: string; sdk?: SdkName; keys: { signingKey: string; fallbackSigningKey?: string } },
): Promise<SdkApp> {
  const app = await startSdkApp({
    id,
    sdk,
    baseUrl: server.url,
    keys: { ...keys, eventKey },
    functions: () => [
      {
        id: 'steps',
        on: { event: `${id}/go` },
        retries: 0,
        run: async ({ step }) => {
          const a = await step.run('a', () => 'a');
          await step.sleep('nap', '10ms');
          return a + (await step.run('b', () => 'b'));
        },
      },
    ],
  });
  ctx.onTestFinished(() => app.stop());
  return app;
}

async function runs(server: PerdureServer, app: SdkApp): Promise<unknown> {
  const { ids } = await app.send({ name: `${app.id}/go` });
  const { status, output } = await server.api.waitForRun(ids[0] ?? '');
  return { status, output };
}

const DONE = { status: 'Completed', output: 'ab' };

// The flags of a server that is started anew differ: one process is enough for that, whatever the others run on.
describe('a signing key', () => {
  test('[P26][P29][P30] is rotated without a moment in which an application or a call is refused', async (ctx) => {
    const dataDir = `${process.env['TMPDIR'] ?? '/tmp'}/perdure-keys-${process.pid}-${Date.now()}`;
    const serve = async (signingKey: string, ...fallbacks: string[]): Promise<PerdureServer> => {
      const server = await startServer({
        command: 'start',
        topology: 'embedded',
        dataDir,
        keys: { signingKey, eventKey },
        args: fallbacks.flatMap((key) => ['--signing-key-fallback', key]),
      });
      ctx.onTestFinished(() => server.stop());
      return server;
    };

    // 1. The server signs with the old key and accepts the new one: applications with either go on.
    const first = await serve(OLD, NEW);
    const unchanged = await appWith(ctx, first, { id: 'unchanged', keys: { signingKey: OLD } });
    const rotated = await appWith(ctx, first, {
      id: 'rotated',
      keys: { signingKey: NEW, fallbackSigningKey: OLD },
    });
    await Promise.all([unchanged.sync(), rotated.sync()]);
    expect(await Promise.all([runs(first, unchanged), runs(first, rotated)])).toEqual([DONE, DONE]);
    await first.terminate();

    // 2. The server signs with the new key and accepts the old one, which applications still present first.
    const second = await serve(NEW, OLD);
    const early = await appWith(ctx, second, { id: 'early', keys: { signingKey: OLD, fallbackSigningKey: NEW } });
    const late = await appWith(ctx, second, { id: 'late', keys: { signingKey: NEW, fallbackSigningKey: OLD } });
    await Promise.all([early.sync(), late.sync()]);
    expect(await Promise.all([runs(second, early), runs(second, late)])).toEqual([DONE, DONE]);
    await second.terminate();

    // 3. The old key is gone: who has nothing else is refused, an SDK that falls back to the new one is not.
    const third = await serve(NEW);
    const behind = await appWith(ctx, third, { id: 'behind', keys: { signingKey: OLD } });
    await expect(behind.sync()).rejects.toThrow('could not register');
    const fallsBack = await appWith(ctx, third, {
      id: 'falls-back',
      keys: { signingKey: OLD, fallbackSigningKey: NEW },
    });
    await fallsBack.sync();
    expect(await runs(third, fallsBack)).toEqual(DONE);
  }, 120_000);
});

describe('two keys at once', () => {
  const system = useServer({
    command: 'start',
    args: ['--signing-key-fallback', NEW, '--event-key', 'second-event-key'],
  });

  test.for(['v4', 'v3'] as const)(
    '[P26][P30] the first signs: an application of %s that knows only the second refuses',
    async (sdk, ctx) => {
      const app = await appWith(ctx, system.server, { id: `second-${sdk}`, sdk, keys: { signingKey: NEW } });
      if (sdk === 'v3') process.env['INNGEST_SIGNING_KEY'] = NEW;
      ctx.onTestFinished(() => void delete process.env['INNGEST_SIGNING_KEY']);
      await app.sync();

      expect(await runs(system.server, app)).toMatchObject({ status: 'Failed' });
    },
  );

  test('[P29] each opens every door of the API, no other does', async () => {
    const runId = encodeUlid(Date.now(), crypto.getRandomValues(new Uint8Array(10)));
    const doors = [
      ['POST', '/v1/signals', { signal: 'nobody' }],
      ['POST', '/v1/cancellations', {}],
      ['GET', '/v1/cancellations', undefined],
      ['GET', '/v1/replays', undefined],
      ['POST', '/v1/functions/none/pause', {}],
      ['GET', `/v1/runs/${runId}/waiting`, undefined],
      ['GET', '/v2/apps/none/functions', undefined],
      ['GET', '/api/v2/apps/none/functions/none', undefined],
      ['POST', `/v2/runs/${runId}/rerun`, {}],
      ['POST', `/api/v2/runs/${runId}/cancel`, {}],
      ['POST', '/v1/checkpoint', {}],
      ['POST', `/v1/checkpoint/${runId}/steps`, { steps: [stepRunOp('a', 1)] }],
      ['POST', `/v1/http/runs/${runId}/steps`, { steps: [runCompleteOp(1)] }],
      ['POST', `/v1/runs/${runId}/metadata`, {}],
      ['POST', '/v1/traces/userland', { resourceSpans: [] }],
      ['POST', '/v1/realtime/token', {}],
      ['POST', '/v1/realtime/publish?channel=c&topic=t', {}],
      ['POST', '/v1/realtime/publish/tee?channel=c', {}],
    ] as const;
    for (const [method, path, body] of doors) {
      const statusWith = async (key: string): Promise<number> =>
        (
          await system.api.request(method, path, {
            ...(body !== undefined && { body: body as unknown as JsonObject }),
            headers: { authorization: `Bearer ${key}` },
          })
        ).status;

      expect(await statusWith(UNKNOWN), path).toBe(401);
      expect(await statusWith(''), path).toBe(401);
      expect(await statusWith(OLD), path).not.toBe(401);
      expect(await statusWith(NEW), path).not.toBe(401);
    }
  });

  test('[P9] any of the event keys is accepted', async () => {
    const post = (key: string) => system.api.request('POST', `/e/${key}`, { body: { name: 'keys/x' } });

    expect((await post(eventKey)).status).toBe(200);
    expect((await post('second-event-key')).status).toBe(200);
    expect((await post('third-event-key')).status).toBe(401);
  });

  test('the token of an endpoint opens the output of its run alone, without any key', async () => {
    const start = async (): Promise<Record<string, string>> => {
      const runId = encodeUlid(Date.now(), crypto.getRandomValues(new Uint8Array(10)));
      const data = { domain: 'http://127.0.0.1:9', method: 'GET', path: '/', query_params: '', body: '' };
      const answer = await system.api.request('POST', '/v1/checkpoint', {
        body: { run_id: runId, event: { name: 'inngest/http.request', data }, steps: [runCompleteOp('done')] as never },
      });
      expect(answer.status, answer.text).toBe(200);
      return answer.body['data'] as Record<string, string>;
    };
    const [one, other] = [await start(), await start()];
    const output = (runId = '', token = '') =>
      system.api.request('GET', `/v1/http/runs/${runId}/output?token=${token}`, { headers: { authorization: '' } });

    expect(await output(one['run_id'], one['token'])).toMatchObject({ status: 200, body: { data: 'done' } });
    expect((await output(one['run_id'], other['token'])).status).toBe(401);
    expect((await output(one['run_id'], other['realtime_token'])).status).toBe(401);
    expect((await output(one['run_id'], OLD)).status).toBe(401);
  });
});
