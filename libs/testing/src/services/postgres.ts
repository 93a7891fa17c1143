import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { ServiceRecipe, ServiceUnavailable, StartedService } from './service.ts';
import { startService } from './start-service.ts';

/** Debian keeps the server of each version outside PATH. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';
const USER = 'perdure';

export const postgres: ServiceRecipe = {
  name: 'postgres',
  variable: 'PERDURE_TEST_POSTGRES_URL',
  binaries: ['postgres'],
  debianPackage: 'postgresql',
  debianFolders: async () => {
    const versions = await readdir(DEBIAN_FOLDER).catch(() => []);
    return versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN_FOLDER, version, 'bin'));
  },
  refusesRoot: true,
  prepare: ({ binary, folder }) => [
    join(dirname(binary), 'initdb'),
    `--pgdata=${folder}/data`,
    `--username=${USER}`,
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ],
  command: ({ binary, port, folder }) => [
    binary,
    '-D',
    `${folder}/data`,
    `--port=${port}`,
    '--listen_addresses=127.0.0.1',
    `--unix_socket_directories=${folder}`,
    // Nothing here has to survive a loss of power; tests of the process being killed still hold.
    '--fsync=off',
    '--full_page_writes=off',
    '--shared_buffers=32MB',
  ],
  ready: /database system is ready to accept connections/,
  stopSignal: 'QUIT',
  docker: {
    image: 'postgres:17',
    port: 5432,
    environment: [`POSTGRES_USER=${USER}`, 'POSTGRES_DB=postgres', 'POSTGRES_HOST_AUTH_METHOD=trust'],
    args: ['--fsync=off'],
    // The image first runs a server of its own to initialise, which reports readiness too.
    ready: /init process complete[\s\S]*ready to accept connections/,
  },
  url: (port) => `postgres://${USER}@127.0.0.1:${port}/postgres`,
};

/** An empty Postgres; the user of the URL is its superuser, so tests can create a database each. */
export function startPostgres(): Promise<StartedService | ServiceUnavailable> {
  return startService(postgres);
}
