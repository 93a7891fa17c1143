import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { startBackingServices } from '../harness/backing-services.ts';
import { readComposeServices } from '../harness/compose-file.ts';
import { Tally } from '../harness/fixture.ts';
import { startGateway } from '../harness/gateway.ts';
import { PerdureProcess, spawnPerdure } from '../harness/perdure-process.ts';
import { startSdkApp } from '../harness/sdk-app.ts';
import { ServerApi } from '../harness/server-api.ts';
import { TEST_KEYS } from '../harness/server.ts';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
/** What the operator writes into `.env`. */
const VARIABLES = { INNGEST_EVENT_KEY: TEST_KEYS.eventKey, INNGEST_SIGNING_KEY: TEST_KEYS.signingKey };

test('the processes of docker-compose.yml, started as it starts them, run a function of a real SDK through its gateway', async (ctx) => {
  const services = readComposeServices(join(repository, 'docker-compose.yml'), VARIABLES);
  const byName = new Map(services.map((service) => [service.name, service]));
  expect([...byName.keys()].toSorted()).toEqual(['api', 'event-api', 'executor', 'migrate', 'runner', 'single']);
  const backing = await startBackingServices();
  ctx.onTestFinished(() => backing.stop());
  const folder = await mkdtemp(join(tmpdir(), 'perdure-test-'));
  ctx.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const log: string[] = [];
  ctx.onTestFailed(() => console.error(`the log of all processes, its end:\n${log.slice(-80).join('\n')}`));
  /** The container's environment, with addresses of this machine instead of the network's. */
  const environmentOf = (name: string): Record<string, string> => {
    const environment = { ...byName.get(name)?.environment, TMPDIR: folder };
    const replaced: Record<string, string> = {
      PERDURE_NATS_URI: backing.natsUrl,
      PERDURE_REDIS_URI: backing.redisUrl,
      PERDURE_POSTGRES_URI: backing.postgresUrl,
      PERDURE_METRICS_HOST: '127.0.0.1',
      PERDURE_METRICS_PORT: '0',
    };
    const known = Object.entries(replaced).filter(([variable]) => variable in environment);
    return { ...environment, ...Object.fromEntries(known) };
  };

  const migrate = spawnPerdure(byName.get('migrate')?.command ?? [], environmentOf('migrate'));
  for (const stream of [migrate.stdout, migrate.stderr]) stream?.on('data', (chunk) => log.push(`migrate ${chunk}`));
  expect(await new Promise((resolve) => migrate.once('exit', resolve))).toBe(0);
  const roles = new Map(
    ['event-api', 'runner', 'executor', 'api'].map((name) => {
      const args = [...(byName.get(name)?.command ?? []), '--host', '127.0.0.1'];
      const keepLine = (line: string) => void log.push(`${name} ${line}`);
      return [name, new PerdureProcess({ name, args, env: environmentOf(name), keepLine })] as const;
    }),
  );
  ctx.onTestFinished(async () => void (await Promise.all([...roles.values()].map((role) => role.terminate()))));
  await Promise.all([...roles.values()].map((role) => role.start()));
  const gateway = await startGateway(
    join(repository, 'deploy/gateway/nginx.conf'),
    (service) => roles.get(service)?.url ?? '',
  );
  ctx.onTestFinished(() => gateway.stop());

  const bodies = new Tally();
  const app = await startSdkApp({
    id: 'shop',
    baseUrl: gateway.url,
    keys: TEST_KEYS,
    functions: () => [
      {
        id: 'order',
        on: { event: 'shop/ordered' },
        run: async ({ event, step }) => {
          const charged = await step.run('charge', () => `${bodies.hit('charge')}:${String(event.data['item'])}`);
          await step.sleep('nap', '1s');
          return step.run('ship', () => `${charged}, shipped ${bodies.hit('ship')}`);
        },
      },
    ],
  });
  ctx.onTestFinished(() => app.stop());
  await app.sync();
  const { ids } = await app.send({ name: 'shop/ordered', data: { item: 'tea' } });
  const run = await new ServerApi(() => gateway.url, TEST_KEYS).waitForRun(ids[0] ?? '');

  expect(run).toMatchObject({ status: 'Completed', output: '0:tea, shipped 0' });
  expect(bodies.counts).toEqual({ charge: 1, ship: 1 });
  for (const [name, role] of roles) {
    expect((await fetch(`${role.url}/health`)).status, name).toBe(200);
    expect((await fetch(`${role.url}/ready`)).status, name).toBe(200);
    expect(await role.terminate(), name).toBe(0);
  }
});
