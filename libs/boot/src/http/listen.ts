import 'reflect-metadata';
import type { IncomingMessage, Server } from 'node:http';
import type { Readable } from 'node:stream';
import { type DynamicModule, Module, PayloadTooLargeException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { PerdureError } from '@perdure/domain';
import { HEADERS } from '@perdure/protocol';
import type { Logger } from '@perdure/telemetry';
import type { FastifyRequest } from 'fastify';
import { STREAMED_TYPES, wantsBytes, wantsStream } from './binary-body.ts';
import { ErrorFilter } from './error-filter.ts';
import { KnownRoutes } from './known-routes.ts';

/** Bytes of a request body: a full batch of events is the largest one that is expected. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const PREFLIGHT_MAX_AGE_S = 3600;

@Module({})
class HttpRoot {}

export interface HttpServer {
  /** `http://host:port`, as reached from this machine. */
  url: string;
  port: number;
  /** Resolves when it no longer listens although nobody closed it. */
  failed: Promise<Error>;
  /** Takes no new connections, lets requests in progress finish for a bounded time. */
  close(): Promise<void>;
}

export interface ListenOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  serverKind: 'dev' | 'cloud';
  /** Take the next free port when this one is in use. */
  mayMove: boolean;
  log: Logger;
}

/** Ports tried after the wanted one. */
const PORTS_TRIED_MAX = 20;
/** Requests in progress may take this long to be answered when the server closes; the longest wait for a durable write. */
const DRAIN_MS = 5_000;
/** How often connections are closed that have become idle meanwhile. */
const SWEEP_MS = 50;

/** Serves the modules' controllers on one address. Bodies reach controllers as text, whatever their content type, but where they want bytes. */
export async function listen(modules: DynamicModule[], options: ListenOptions): Promise<HttpServer> {
  const app = await createApp(modules, options);
  const port = await bind(app, options);
  const server = app.getHttpServer();
  let closing: Promise<void> | undefined;
  const failed = new Promise<Error>((resolve) => {
    server.on('error', resolve);
    server.on('close', () => !closing && resolve(new Error('the HTTP server has closed')));
  });
  return {
    port,
    url: `http://${reachableHost(options.host)}:${port}`,
    failed,
    close: () => (closing ??= closeGently(app)),
  };
}

/** Clients that keep connections open would hold up the end; clients that wait for an answer get it. */
async function closeGently(app: NestFastifyApplication): Promise<void> {
  const server = app.getHttpServer();
  const sweeping = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const patience = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  try {
    await app.close();
  } finally {
    clearInterval(sweeping);
    clearTimeout(patience);
  }
}

async function createApp(modules: DynamicModule[], options: ListenOptions): Promise<NestFastifyApplication> {
  const adapter: FastifyAdapter = new FastifyAdapter({
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: 'idle',
    // Clients that offer HTTP/2 by an upgrade, as Java's do, are answered as if they did not.
    http: { shouldUpgradeCallback: (request) => isWebSocket(request) && hasUpgrades(adapter) },
  });
  const app = await NestFactory.create<NestFastifyApplication>({ module: HttpRoot, imports: modules }, adapter, {
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, ({ routeOptions }, body, done) => {
    done(null, wantsBytes(routeOptions.config) ? body : body.toString());
  });
  fastify.addContentTypeParser(STREAMED_TYPES, async ({ routeOptions: { config } }: FastifyRequest, body: Readable) => {
    if (wantsStream(config)) return body;
    const bytes = await readWhole(body);
    return wantsBytes(config) ? bytes : bytes.toString();
  });
  const routes = new KnownRoutes();
  fastify.addHook('onRoute', ({ url, method }) => routes.add(url, [method].flat()));
  fastify.addHook('onRequest', (_request, reply, done) => {
    void reply.header(HEADERS.serverKind, options.serverKind);
    done();
  });
  app.enableCors({
    origin: '*',
    methods: ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
    exposedHeaders: ['Link', 'Mcp-Session-Id'],
    maxAge: PREFLIGHT_MAX_AGE_S,
  });
  app.useGlobalFilters(new ErrorFilter(options.log, routes));
  await app.init();
  return app;
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** Whether anybody in this process takes connections that are upgraded. */
function hasUpgrades(adapter: FastifyAdapter): boolean {
  return adapter.getHttpServer<Server>().listenerCount('upgrade') > 0;
}

async function readWhole(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed when it is too large: the refusal goes the same way.
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new PayloadTooLargeException('Request body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function bind(app: NestFastifyApplication, options: ListenOptions): Promise<number> {
  const { host, mayMove, log } = options;
  for (let port = options.port; ; port++) {
    try {
      await app.listen(port, host);
      const address = app.getHttpServer().address();
      return typeof address === 'object' && address !== null ? address.port : port;
    } catch (error) {
      const isTaken = (error as { code?: string }).code === 'EADDRINUSE';
      if (isTaken && mayMove && port < options.port + PORTS_TRIED_MAX) {
        log.warn('port conflict: the port is in use, the next one is tried', { port });
        continue;
      }
      throw isTaken ? portTaken(port, error) : error;
    }
  }
}

function portTaken(port: number, cause: unknown): PerdureError {
  return new PerdureError(
    'PORT_IN_USE',
    `Port ${port} is in use by another program: stop it or choose another with --port.`,
    {
      port,
      cause,
    },
  );
}

function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '127.0.0.1') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
