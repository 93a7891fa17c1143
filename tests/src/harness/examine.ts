import type { Cluster } from './cluster.ts';
import { spawnPerdure } from './perdure-process.ts';
import { until } from './poll.ts';
import { TEST_KEYS } from './server.ts';
import { CLUSTER_CELLS, serviceFlags } from './topology.ts';

/** What has ended is cleared away a little later. */
const CLEARED_MS_MAX = 60_000;

interface Check {
  name: string;
  status: 'ok' | 'warning' | 'problem';
  message: string;
}

/** What `perdure doctor` finds in the services of a cluster, with every key of the store looked at. */
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

/** Examines a cluster whose runs have all ended until it has no leftovers; answers the checks by name, as `ok: none`. */
export async function examineOnceEmpty(cluster: Cluster): Promise<Record<string, string>> {
  const found = new Map<string, string>();
  await until(
    'an empty store',
    async () => {
      for (const { name, status, message } of await examine(cluster)) found.set(name, `${status}: ${message}`);
      return found.get('leftovers') === 'ok: none' || undefined;
    },
    { waitMs: CLEARED_MS_MAX, describe: () => JSON.stringify(Object.fromEntries(found)) },
  );
  return Object.fromEntries(found);
}
