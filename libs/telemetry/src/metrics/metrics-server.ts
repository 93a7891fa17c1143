import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { PerdureError } from '@perdure/domain';
import type { Logger } from '../logger.ts';
import { type Metrics, METRICS_CONTENT_TYPE } from './metrics.ts';

export interface MetricsAddress {
  host: string;
  /** 0: any free port. */
  port: number;
}

export interface MetricsServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Ports tried after the wanted one, before any free one is taken. */
const PORTS_TRIED_MAX = 20;

/**
 * Serves `GET /metrics` on an address of its own. A port in use is no reason not to start: the next free one is taken,
 * and the log says which. Any other problem with the address is thrown as METRICS_ADDRESS_INVALID.
 */
export async function serveMetrics(metrics: Metrics, address: MetricsAddress, log: Logger): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== '/metrics') return end(response, 404);
    if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405);
    metrics.render().then(
      (text) => {
        response.writeHead(200, { 'content-type': METRICS_CONTENT_TYPE });
        response.end(request.method === 'HEAD' ? undefined : text);
      },
      (error: unknown) => {
        log.error('the metrics could not be written', { error });
        end(response, 500);
      },
    );
  });
  const port = await bind(server, address);
  // A process that has nothing else to do may end.
  server.unref();
  if (address.port !== 0 && port !== address.port) {
    log.warn('port conflict: the port for metrics is in use, another one is taken', { wanted: address.port, port });
  }
  log.info('metrics are served', { host: address.host, port });
  return { host: address.host, port, close: () => close(server) };
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status);
  response.end();
}

async function bind(server: Server, { host, port: wanted }: MetricsAddress): Promise<number> {
  const next = Array.from({ length: PORTS_TRIED_MAX + 1 }, (_, i) => wanted + i).filter((port) => port < 65_536);
  for (const port of wanted === 0 ? [0] : [...next, 0]) {
    try {
      server.listen(port, host);
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw addressInvalid(host, port, error);
    }
  }
  throw addressInvalid(host, wanted);
}

function addressInvalid(host: string, port: number, cause?: unknown): PerdureError {
  return new PerdureError(
    'METRICS_ADDRESS_INVALID',
    `Metrics cannot be served at ${host}, port ${port}: choose another address with --metrics-host and --metrics-port.`,
    { host, port, cause },
  );
}

async function close(server: Server): Promise<void> {
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  server.closeAllConnections();
  await closed.promise;
}
