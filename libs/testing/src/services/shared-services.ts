import { createServer, type ServerResponse } from 'node:http';

import { freePort } from './free-port.ts';
import { startNats } from './nats.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';
import type { ServiceName, ServiceUnavailable, StartedService } from './service.ts';

const STARTERS: Record<ServiceName, () => Promise<StartedService | ServiceUnavailable>> = {
  redis: startRedis,
  nats: startNats,
  postgres: startPostgres,
};

/** What a test file is told about a service: that which can be passed between processes. */
export type SharedService = Pick<StartedService, 'kind' | 'url' | 'origin'> | ServiceUnavailable;

export interface SharedServices {
  /** `GET <url>/<service name>` answers a `SharedService`. */
  url: string;
  /** One line for each service that was asked for: where it came from, or why it was left out. */
  summary(): Promise<string[]>;
  stop(): Promise<void>;
}

/**
 * Starts each service once for all test files, when the first of them asks for it. Test files are processes of their
 * own, so they ask over HTTP on the loopback interface.
 */
export async function openSharedServices(): Promise<SharedServices> {
  const started = new Map<ServiceName, Promise<StartedService | ServiceUnavailable>>();
  const find = (name: ServiceName) => {
    const known = started.get(name) ?? STARTERS[name]();
    started.set(name, known);
    return known;
  };

  const answer = async (path: string, response: ServerResponse) => {
    const name = path.slice(1);
    // Functions such as `stop` are left out by JSON.
    if (isServiceName(name)) response.end(JSON.stringify(await find(name)));
    else response.writeHead(404).end();
  };

  const server = createServer((request, response) => void answer(request.url ?? '', response));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  server.unref();

  return {
    url: `http://127.0.0.1:${port}`,
    summary: () =>
      Promise.all(
        [...started].map(async ([name, starting]) => {
          const service = await starting;
          return service.kind === 'started' ? `${name}: ${service.origin}` : `${name}: LEFT OUT, ${service.reason}`;
        }),
      ),
    stop: async () => {
      const services = await Promise.all(started.values());
      await Promise.all(services.map(async (service) => service.kind === 'started' && service.stop()));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function isServiceName(name: string): name is ServiceName {
  return Object.hasOwn(STARTERS, name);
}
