import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { Inngest } from 'inngest';
import { endpointAdapter } from 'inngest/edge';

import type { Keys } from './server.ts';

/** What a durable endpoint may do, as far as these tests do it. */
export interface EndpointStep {
  run<T>(id: string, body: () => T | Promise<T>): Promise<T>;
  sleep(id: string, duration: string): Promise<void>;
}

export interface EndpointApp {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** Requests so far: of clients and of the platform. */
  readonly requests: readonly { method: string; url: string; body: string; headers: IncomingMessage['headers'] }[];
  stop(): Promise<void>;
}

/** Serves durable endpoints of the real SDK (version 4) by their path. */
export async function startEndpointApp(options: {
  baseUrl: string;
  keys?: Keys | undefined;
  endpoints: Record<string, (request: Request, step: EndpointStep) => unknown>;
}): Promise<EndpointApp> {
  const { baseUrl, keys } = options;
  const { step } = await import('inngest');
  const client = new Inngest({
    id: 'endpoints',
    baseUrl,
    endpointAdapter,
    isDev: keys === undefined,
    ...(keys !== undefined && { signingKey: keys.signingKey, eventKey: keys.eventKey }),
    logger: silent,
  } as never);
  const handlers = new Map(
    Object.entries(options.endpoints).map(([path, handle]) => [
      path,
      client.endpoint(((request: Request) => handle(request, step as never)) as never) as unknown as (
        request: Request,
      ) => Promise<Response>,
    ]),
  );
  const requests: { method: string; url: string; body: string; headers: IncomingMessage['headers'] }[] = [];
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = await text(incoming);
      requests.push({ method: incoming.method ?? '', url: incoming.url ?? '', body, headers: incoming.headers });
      const request = toRequest(incoming, body);
      const handler = handlers.get(new URL(request.url).pathname);
      await answer(outgoing, handler === undefined ? new Response(null, { status: 404 }) : await handler(request));
    })().catch((error: unknown) => {
      outgoing.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

function toRequest({ method = 'GET', url = '/', headers }: IncomingMessage, body: string): Request {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as [string, string]] : [],
  );
  return new Request(`http://${headers.host ?? ''}${url}`, {
    method,
    headers: entries,
    ...(method !== 'GET' && method !== 'HEAD' && { body }),
  });
}

async function answer(outgoing: ServerResponse, response: Response): Promise<void> {
  outgoing
    .writeHead(response.status, Object.fromEntries(response.headers))
    .end(Buffer.from(await response.arrayBuffer()));
}

const ignore = (): void => undefined;
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
