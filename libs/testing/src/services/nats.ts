import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { InstancePlace, ServiceRecipe, ServiceUnavailable, StartedService } from './service.ts';
import { startService } from './start-service.ts';

export const nats: ServiceRecipe = {
  name: 'nats',
  variable: 'PERDURE_TEST_NATS_URL',
  binaries: ['nats-server'],
  debianPackage: 'nats-server',
  debianFolders: async () => ['/usr/sbin'],
  refusesRoot: false,
  command: ({ binary, port, folder }) => {
    const config = join(folder, 'nats.conf');
    writeFileSync(config, configOf({ binary, port, folder }));
    return [binary, '--config', config];
  },
  ready: /Server is ready/,
  stopSignal: 'TERM',
  docker: { image: 'nats:2.11', port: 4222, environment: [], args: ['--jetstream'], ready: /Server is ready/ },
  url: (port) => `nats://127.0.0.1:${port}`,
};

/** An empty NATS server with JetStream in a folder of its own. */
export function startNats(): Promise<StartedService | ServiceUnavailable> {
  return startService(nats);
}

/** As a deployment must set it: flushed before it is acknowledged. Only a file can say so. */
function configOf({ binary, port, folder }: InstancePlace): string {
  const sync = knowsSyncInterval(binary) ? 'sync_interval: always' : '';
  return `
    listen: "127.0.0.1:${port}"
    jetstream { store_dir: "${join(folder, 'jetstream')}", ${sync} }
  `;
}

/** Before 2.10, which Debian 12 has, a server flushes every minute and takes the setting for an error. */
function knowsSyncInterval(binary: string): boolean {
  const [, major = 0, minor = 0] =
    /v(\d+)\.(\d+)/.exec(execFileSync(binary, ['--version'], { encoding: 'utf8' })) ?? [];
  return Number(major) > 2 || Number(minor) >= 10;
}
