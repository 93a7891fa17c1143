import 'reflect-metadata';
import { type DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { PerdureError } from '@perdure/domain';
import { HEADERS } from '@perdure/protocol';
import type { Logger } from '@perdure/telemetry';
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

/** Serves the modules' controllers on one address. Bodies reach controllers as text, whatever their content type. */
export async function listen(modules: DynamicModule[], options: ListenOptions): Promise<HttpServer> {
  const app = await createApp(modules, options);
  const port = await bind(app, options);
  return { port, url: `http://${reachableHost(options.host)}:${port}`, close: () => app.close() };
}

async function createApp(modules: DynamicModule[], options: ListenOptions): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({ bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true });
  const app = await NestFactory.create<NestFastifyApplication>({ module: HttpRoot, imports: modules }, adapter, {
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
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
