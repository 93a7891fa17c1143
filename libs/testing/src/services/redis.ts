import type { ServiceRecipe, ServiceUnavailable, StartedService } from './service.ts';
import { startService } from './start-service.ts';

/** As a deployment must set it: nothing evicted, every write in the append-only file. */
const SETTINGS = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction', '--save', ''];

export const redis: ServiceRecipe = {
  name: 'redis',
  variable: 'PERDURE_TEST_REDIS_URL',
  binaries: ['redis-server', 'valkey-server'],
  debianPackage: 'redis-server',
  debianFolders: async () => [],
  refusesRoot: false,
  command: ({ binary, port, folder }) => [
    binary,
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    ...SETTINGS,
  ],
  ready: /Ready to accept connections/,
  stopSignal: 'TERM',
  docker: { image: 'redis:7.4', port: 6379, environment: [], args: SETTINGS, ready: /Ready to accept connections/ },
  url: (port) => `redis://127.0.0.1:${port}`,
};

/** A Redis with append-only file and `noeviction`. */
export function startRedis(): Promise<StartedService | ServiceUnavailable> {
  return startService(redis);
}

/** The same, always a private and empty instance; `settings` override as on its command line. For tests that harm it. */
export function startPrivateRedis(settings: string[] = []): Promise<StartedService | ServiceUnavailable> {
  const { variable: _, ...recipe } = redis;
  return startService({ ...recipe, command: (place) => [...redis.command(place), ...settings] });
}
