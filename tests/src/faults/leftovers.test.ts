import { expect, test } from 'vitest';

import { mixedEvent } from '../harness/audit/audited-functions.ts';
import { expectPromisesKept, startAuditor } from '../harness/audit/auditor.ts';
import { startLoad } from '../harness/audit/load.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { spawnPerdure } from '../harness/perdure-process.ts';
import { until } from '../harness/poll.ts';
import { TEST_KEYS } from '../harness/server.ts';
import { CLUSTER_CELLS, serviceFlags } from '../harness/topology.ts';

const RUNS = 10_000;
const EVENTS_PER_SECOND = 400;

interface Check {
  name: string;
  status: 'ok' | 'warning' | 'problem';
  message: string;
}

/** What `perdure doctor` finds in the services, with every key of the store looked at. */
async function examine({ services }: Cluster): Promise<Check[]> {
  const { nats, redis, postgres } = services;
  const urls = { natsUrl: nats.url, redisUrl: redis.url, postgresUrl: postgres.url };
  const flags = serviceFlags(urls, CLUSTER_CELLS);
  // It examines the config of a server, and those outside of tests have keys.
  const keys = { PERDURE_SIGNING_KEY: TEST_KEYS.signingKey, PERDURE_EVENT_KEY: TEST_KEYS.eventKey };
  const doctor = spawnPerdure(['doctor', '--deep', '--json', ...flags], keys);
  let printed = '';
  doctor.stdout?.on('data', (chunk) => (printed += String(chunk)));
  await new Promise((resolve) => doctor.once('close', resolve));
  return (JSON.parse(printed) as { checks: Check[] }).checks;
}

test(
  `[E137] ${RUNS} runs of every shape over two executors, one of them killed: nothing is left in the store, no invariant is broken`,
  { timeout: 900_000 },
  async (ctx) => {
    const cluster = await startCluster(ctx, { runners: 1, executors: 2 });
    const auditor = await startAuditor(ctx);
    await auditor.register(cluster.url);
    const load = startLoad(cluster.api, EVENTS_PER_SECOND, mixedEvent);

    await until('a third of the runs', async () => (await auditor.report()).runs > RUNS / 3 || undefined, {
      waitMs: 300_000,
    });
    await cluster.executors[0]?.kill9();
    await cluster.executors[0]?.start();
    await until('all runs', async () => (await auditor.report()).runs >= RUNS || undefined, { waitMs: 300_000 });
    await expectPromisesKept(auditor, cluster.api, await load.stop(), { waitMs: 300_000 });

    // The ends of the last runs are told by runs of their own, and what has ended is cleared away a little later.
    const found = new Map<string, string>();
    await until(
      'an empty store',
      async () => {
        for (const { name, status, message } of await examine(cluster)) found.set(name, `${status}: ${message}`);
        return found.get('leftovers') === 'ok: none' || undefined;
      },
      { waitMs: 60_000, describe: () => JSON.stringify(Object.fromEntries(found)) },
    );
    expect(Object.fromEntries(found)).toMatchObject({
      invariants: 'ok: all hold',
      outbox: expect.stringMatching(/^ok: 0 entries/),
      queue: expect.stringMatching(/^ok: 0 runs: 0 steps at work, 0 ready, 0 for later, 0 waits/),
      'dead letters of the runner': 'ok: none',
      'dead letters of the recorder': 'ok: none',
      leftovers: 'ok: none',
    });
  },
);
