import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { JsonObject } from '@perdure/domain';
import { startScriptedApp } from '@perdure/testing';
import { expect, test } from 'vitest';

import { aiOp, gatewayOp, untilDone } from './harness/outbound-ops.ts';
import { answerJson, startOutsideWorld } from './harness/outside-world.ts';
import { startServer } from './harness/server.ts';

test(
  'keys of providers and what a request carries are nowhere to be found: not in the data, not in the log',
  { timeout: 90_000 },
  async (ctx) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'perdure-secrets-'));
    ctx.onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
    const server = await startServer({
      dataDir,
      persist: true,
      args: ['--retry-interval', '1', '--log-level', 'trace'],
    });
    ctx.onTestFinished(() => server.stop());
    const secret = (what: string) => `sEcReT-${what}-0123456789`;
    const world = await startOutsideWorld(ctx, (request, response) => {
      // As unkind as can be: it repeats what it was sent.
      const told = { marker: 'repeated-by-provider', headers: request.headers, url: request.url };
      answerJson(response, request.url.startsWith('/refuse') ? 401 : 200, told as unknown as JsonObject);
    });
    const script = untilDone([
      aiOp('openai', { url: `${world.url}/`, auth_key: secret('openai') }),
      aiOp('gemini', { url: `${world.url}/?key=${secret('query')}`, auth_key: secret('query'), format: 'gemini' }),
      aiOp('azure', { url: `${world.url}/`, format: 'azure-openai', headers: { 'api-key': secret('azure') } }),
      aiOp('refused', { url: `${world.url}/refuse`, auth_key: secret('refused'), format: 'anthropic' }),
      aiOp('away', { url: `http://127.0.0.1:1/?key=${secret('away')}`, auth_key: secret('away'), format: 'gemini' }),
      gatewayOp('fetch', {
        url: 'http://127.0.0.1:1/',
        headers: { authorization: secret('fetch') },
        body: secret('body'),
      }),
    ]);
    const app = await startScriptedApp({ name: 'secrets', functions: [{ id: 'secrets', retries: 1, script }] });
    ctx.onTestFinished(() => app.stop());
    await app.register(server.url);

    const run = await server.api.waitForRun(await server.api.sendOne({ name: 'test/secrets' }));
    await server.terminate();

    expect(run.status).toBe('Completed');
    expect(world.requests.filter(({ headers }) => JSON.stringify(headers).includes('sEcReT')).length).toBeGreaterThan(
      2,
    );
    const files = await filesBelow(dataDir);
    const kept = Buffer.concat([Buffer.from(server.wholeLog), ...files]).toString('latin1');
    // The search finds what is there.
    expect(kept).toContain('repeated-by-provider');
    expect(kept).toContain('a request was made for a step');
    expect(kept).not.toContain('sEcReT');
  },
);

async function filesBelow(folder: string): Promise<Buffer[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name))));
}
