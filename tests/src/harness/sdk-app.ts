import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { JsonObject } from '@perdure/domain';
import express, { type RequestHandler } from 'express';
import fastify, { type RouteHandlerMethod } from 'fastify';
import type { Keys } from './server.ts';

const SERVE_PATH = '/api/inngest';
/** Memos of a large run come in one request. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const SYNC_TIMEOUT_MS = 30_000;

/** The newest of each major version. They share a global that each shapes in its own way: a process can hold one of them. */
export type SdkName = 'v4' | 'v3';
export type Framework = 'express' | 'fastify' | 'http';

export const FRAMEWORKS: readonly Framework[] = ['express', 'fastify', 'http'];

/** What a function gets, as far as both SDKs offer it in the same way. */
export interface FunctionContext {
  event: { id?: string; name: string; data: Record<string, unknown>; ts?: number; user?: unknown };
  events: FunctionContext['event'][];
  runId: string;
  attempt: number;
  /** Of an `onFailure` handler. */
  error: Error;
  step: {
    run<T>(id: string, body: () => T | Promise<T>): Promise<T>;
    sleep(id: string, duration: string | number): Promise<void>;
    sleepUntil(id: string, at: string | Date): Promise<void>;
    sendEvent(id: string, events: { name: string; data?: JsonObject; id?: string }): Promise<{ ids: string[] }>;
    waitForEvent(
      id: string,
      options: { event: string; timeout: string | number | Date; if?: string; match?: string },
    ): Promise<FunctionContext['event'] | null>;
    /** `function`: what `createFunction` or `referenceFunction` of the SDK gives. */
    invoke(id: string, options: { function: unknown; data?: JsonObject; timeout?: string | number }): Promise<unknown>;
    waitForSignal(
      id: string,
      options: { signal: string; timeout: string | number; onConflict: 'fail' | 'replace' },
    ): Promise<{ signal: string; data: unknown } | null>;
    sendSignal(id: string, options: { signal: string; data?: unknown }): Promise<unknown>;
  };
  /** Of version 4. */
  group: { parallel<T>(options: { mode: 'race' }, steps: () => Promise<T>): Promise<T> };
}

export type Trigger = { event: string; if?: string } | { cron: string };

/** A function to be defined with whichever SDK the application uses. */
export interface FunctionSpec {
  id: string;
  on: Trigger | Trigger[];
  retries?: number;
  onFailure?: (ctx: FunctionContext) => unknown;
  /** More options of `createFunction`, the same in both SDKs. */
  options?: Record<string, unknown>;
  run: (ctx: FunctionContext) => unknown;
}

/** The SDK's own error classes: the application must throw those of the SDK that it is served by. */
export interface SdkErrors {
  NonRetriableError: new (message: string) => Error;
  RetryAfterError: new (message: string, retryAfter: number | string | Date) => Error;
}

export interface SdkAppOptions {
  sdk?: SdkName;
  framework?: Framework;
  /** The app's ID: distinct for apps that share a server. */
  id: string;
  /** Where the SDK finds the server. */
  baseUrl: string;
  /** The SDK runs in cloud mode with these, in dev mode without. */
  keys?: (Keys & { fallbackSigningKey?: string }) | undefined;
  /** Default 0: any free port. */
  port?: number;
  /** More options of the SDK's client. */
  clientOptions?: Record<string, unknown>;
  functions: (errors: SdkErrors) => FunctionSpec[];
}

/** An application in this process that is served by a real SDK. */
export interface SdkApp {
  readonly id: string;
  /** The serve URL. */
  readonly url: string;
  readonly port: number;
  /** `POST`s so far: calls of functions. */
  readonly callCount: number;
  /** Makes the SDK register its functions (`PUT`), and answers what it says about it. Fails unless that succeeds. */
  sync(): Promise<JsonObject>;
  /** The SDK's client sends events. */
  send(event: { name: string; data?: JsonObject; id?: string; ts?: number }): Promise<{ ids: string[] }>;
  /** Stops listening and cuts open connections, as a killed process does. */
  stop(): Promise<void>;
}

/** What this harness uses of an SDK, whichever it is. */
interface Sdk {
  errors: SdkErrors;
  createClient: (options: object, keys: SdkAppOptions['keys']) => SdkClient;
  createFunction: (
    client: SdkClient,
    options: object,
    triggers: FunctionSpec['on'],
    run: FunctionSpec['run'],
  ) => unknown;
  serveExpress: (options: object) => RequestHandler;
  serveFastify: (options: object) => RouteHandlerMethod;
  serveNode: (options: object) => RequestListener;
}

interface SdkClient {
  createFunction(...args: unknown[]): unknown;
  send(event: unknown): Promise<{ ids: string[] }>;
}

async function loadV4(): Promise<Sdk> {
  const [sdk, onExpress, onFastify, onNode] = await Promise.all([
    import('inngest'),
    import('inngest/express'),
    import('inngest/fastify'),
    import('inngest/node'),
  ]);
  return {
    errors: sdk,
    createClient: (options, keys) => {
      const { signingKey, fallbackSigningKey } = keys ?? {};
      return new sdk.Inngest({
        ...(options as { id: string }),
        ...(signingKey !== undefined && { signingKey }),
        ...(fallbackSigningKey !== undefined && { signingKeyFallback: fallbackSigningKey }),
      });
    },
    createFunction: (client, options, triggers, run) => client.createFunction({ ...options, triggers }, run),
    serveExpress: (options) => onExpress.serve(options as never) as RequestHandler,
    serveFastify: (options) => onFastify.serve(options as never) as RouteHandlerMethod,
    serveNode: (options) => onNode.serve(options as never),
  };
}

async function loadV3(): Promise<Sdk> {
  const [sdk, onExpress, onFastify, onNode] = await Promise.all([
    import('inngest-v3'),
    import('inngest-v3/express'),
    import('inngest-v3/fastify'),
    import('inngest-v3/node'),
  ]);
  return {
    errors: sdk,
    createClient: (options) => new sdk.Inngest(options as { id: string }),
    createFunction: (client, options, triggers, run) => client.createFunction(options, triggers, run),
    serveExpress: (options) => onExpress.serve(options as never) as RequestHandler,
    serveFastify: (options) => onFastify.serve(options as never) as RouteHandlerMethod,
    serveNode: (options) => onNode.serve(options as never),
  };
}

export async function startSdkApp(options: SdkAppOptions): Promise<SdkApp> {
  const { sdk: sdkName = 'v4', framework = 'http', id, port = 0, keys } = options;
  const sdk = await (sdkName === 'v4' ? loadV4() : loadV3());
  const client = sdk.createClient(
    {
      id,
      baseUrl: options.baseUrl,
      isDev: keys === undefined,
      ...(keys !== undefined && { eventKey: keys.eventKey }),
      logger: silent,
      ...options.clientOptions,
    },
    keys,
  );
  const functions = options
    .functions(sdk.errors)
    .map(({ id: functionId, on, retries, onFailure, options: more, run }) => {
      const functionOptions = {
        id: functionId,
        ...(retries !== undefined && { retries }),
        ...(onFailure !== undefined && { onFailure }),
        ...more,
      };
      return sdk.createFunction(client, functionOptions, on, run);
    });

  let callCount = 0;
  const listener = await frameworkListener(framework, sdk, {
    client,
    functions,
    // Version 3 takes these here, version 4 with the client.
    ...(sdkName === 'v3' && {
      logLevel: 'silent',
      ...(keys !== undefined && { signingKey: keys.signingKey, signingKeyFallback: keys.fallbackSigningKey }),
    }),
  });
  const server = createServer((request, response) => {
    if (request.method === 'POST') callCount += 1;
    listener(request, response);
  });
  await listen(server, port);
  const boundPort = (server.address() as AddressInfo).port;
  const url = `http://127.0.0.1:${boundPort}${SERVE_PATH}`;

  return {
    id,
    url,
    port: boundPort,
    get callCount() {
      return callCount;
    },
    sync: async () => {
      const answer = await fetch(url, { method: 'PUT', signal: AbortSignal.timeout(SYNC_TIMEOUT_MS) });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`the SDK could not register: ${answer.status} ${text}`);
      return JSON.parse(text) as JsonObject;
    },
    send: (event) => client.send(event),
    stop: () => close(server),
  };
}

async function frameworkListener(framework: Framework, sdk: Sdk, options: object): Promise<RequestListener> {
  switch (framework) {
    case 'express': {
      const app = express();
      app.use(express.json({ limit: BODY_BYTES_MAX }));
      app.use(SERVE_PATH, sdk.serveExpress(options));
      return app;
    }
    case 'fastify': {
      const app = fastify({ bodyLimit: BODY_BYTES_MAX });
      app.route({ method: ['GET', 'POST', 'PUT'], url: SERVE_PATH, handler: sdk.serveFastify(options) });
      await app.ready();
      return (request, response) => app.routing(request, response);
    }
    case 'http':
      return sdk.serveNode(options);
    default:
      return framework satisfies never;
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}

const ignore = (): void => undefined;
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
