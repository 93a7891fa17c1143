import type { ServiceRecipe, ServiceUnavailable, StartedService } from './service.ts';
import { startService } from './start-service.ts';

export const nats: ServiceRecipe = {
  name: 'nats',
  variable: 'PERDURE_TEST_NATS_URL',
  binaries: ['nats-server'],
  debianPackage: 'nats-server',
  debianFolders: async () => ['/usr/sbin'],
  refusesRoot: false,
  command: ({ binary, port, folder }) => [
    binary,
    '--addr=127.0.0.1',
    `--port=${port}`,
    '--jetstream',
    `--store_dir=${folder}`,
  ],
  ready: /Server is ready/,
  stopSignal: 'TERM',
  docker: { image: 'nats:2.11', port: 4222, environment: [], args: ['--jetstream'], ready: /Server is ready/ },
  url: (port) => `nats://127.0.0.1:${port}`,
};

/** An empty NATS server with JetStream in a folder of its own. */
export function startNats(): Promise<StartedService | ServiceUnavailable> {
  return startService(nats);
}
