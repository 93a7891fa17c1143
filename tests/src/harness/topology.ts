import type { BackingServices } from './backing-services.ts';

/** Which processes a server of a test consists of. Vitest's projects run the same tests in each (see README.md). */
export type Topology = 'embedded' | 'services' | 'cluster';

export const topology = parseTopology(process.env['PERDURE_TEST_TOPOLOGY'] ?? 'embedded');

/** Cells of a cluster: more than one, so that what concerns all of them is shown. */
export const CLUSTER_CELLS = 4;

/** What the processes of a cluster do, the one first that clients talk to. */
export const CLUSTER_ROLES: readonly (readonly string[])[] = [
  ['event-api', 'api', 'runner'],
  ['runner'],
  ['executor'],
  ['executor'],
];

/** Any free port: several processes share this machine. */
export const METRICS_FLAGS: readonly string[] = ['--metrics-port', '0'];

/** Flags that make a process use real services. */
export function serviceFlags(urls: Omit<BackingServices, 'stop'>, cells = 1): string[] {
  const flags = {
    'nats-uri': urls.natsUrl,
    'redis-uri': urls.redisUrl,
    'postgres-uri': urls.postgresUrl,
    cells: String(cells),
  };
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
}

function parseTopology(text: string): Topology {
  if (text === 'embedded' || text === 'services' || text === 'cluster') return text;
  throw new Error(`PERDURE_TEST_TOPOLOGY: expected embedded, services or cluster, got ${text}`);
}
