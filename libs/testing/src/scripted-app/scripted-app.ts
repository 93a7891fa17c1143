import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { JsonObject } from '@perdure/domain';

import { testSignal, type TestSignal } from '../time/test-signal.ts';
import { inBandSync, registration, type ScriptedFunction } from './registration.ts';
import { failed, fromSdk, raw, type Reply } from './replies.ts';
import { ScriptedCall } from './scripted-call.ts';

/** Calls kept for assertions; the oldest go first. */
const CALLS_KEPT_DEFAULT = 1_000;
const REGISTER_TIMEOUT_MS = 30_000;
const WAIT_MS_DEFAULT = 10_000;

export interface ScriptedAppOptions {
  functions: readonly ScriptedFunction[];
  /** Default `scripted`. */
  name?: string;
  /** Default 0: any free port. */
  port?: number;
  /** Where a `PUT` of the server makes the application register. Also set by `register`. */
  serverUrl?: string;
  /** `Authorization: Bearer ...` of registrations; the dev-mode text of the npm SDK when absent. */
  bearer?: string;
  /** 0 keeps no call and announces none: for benchmarks. */
  callsKept?: number;
}

/** An application that speaks the raw SDK protocol and answers by script: no SDK, no framework. */
export interface ScriptedApp {
  readonly name: string;
  readonly port: number;
  /** The serve URL. */
  readonly url: string;
  /** Every call so far, kept or not. */
  readonly callCount: number;
  /** The kept calls, oldest first. */
  calls(slug?: string): readonly ScriptedCall[];
  /** The oldest call that no `nextCall` has taken yet, now or as soon as it comes. Fails after `waitMs`. */
  nextCall(waitMs?: number): Promise<ScriptedCall>;
  /** The kept calls, once `count` of them (of this function, when given) have come. Fails after `waitMs`. */
  waitForCalls(count: number, options?: { slug?: string; waitMs?: number }): Promise<readonly ScriptedCall[]>;
  /**
   * Registers at the server (`POST /fn/register`); answers the parsed body, throws unless it is a 2xx. It is to be called at
   * `servedAt`, such as a proxy's address; default: its own URL.
   */
  register(serverUrl: string, servedAt?: string): Promise<JsonObject>;
  /** Adds or replaces functions; takes effect at once for calls, at the next registration for the server. */
  setFunctions(functions: readonly ScriptedFunction[]): void;
  /** Stops listening and cuts open connections, as a killed process does. */
  stop(): Promise<void>;
}

/** Starts a scripted application on loopback. */
export async function startScriptedApp(options: ScriptedAppOptions): Promise<ScriptedApp> {
  const app = new HttpScriptedApp(options);
  await app.listen(options.port ?? 0);
  return app;
}

class HttpScriptedApp implements ScriptedApp {
  readonly name: string;
  /** Known once it listens; kept when it has stopped, so that calls to a stopped application can be shown. */
  port = 0;
  #callCount = 0;
  #functions: readonly ScriptedFunction[];
  #bySlug = new Map<string, ScriptedFunction>();
  #serverUrl: string | undefined;
  readonly #bearer: string;
  readonly #callsKept: number;
  readonly #calls: ScriptedCall[] = [];
  readonly #untaken: TestSignal<ScriptedCall>;
  readonly #watchers = new Set<() => void>();
  readonly #server: Server;

  constructor(options: ScriptedAppOptions) {
    this.name = options.name ?? 'scripted';
    this.#functions = options.functions;
    this.#serverUrl = options.serverUrl;
    this.#bearer = options.bearer ?? 'undefined';
    this.#callsKept = options.callsKept ?? CALLS_KEPT_DEFAULT;
    this.#untaken = testSignal<ScriptedCall>(`a call of ${this.name}`);
    this.setFunctions(options.functions);
    this.#server = createServer((request, response) => this.#receive(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/api/inngest`;
  }

  get callCount(): number {
    return this.#callCount;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  calls(slug?: string): readonly ScriptedCall[] {
    return slug === undefined ? [...this.#calls] : this.#calls.filter((call) => call.slug === slug);
  }

  nextCall(waitMs?: number): Promise<ScriptedCall> {
    return this.#untaken.next(waitMs);
  }

  waitForCalls(
    count: number,
    { slug, waitMs = WAIT_MS_DEFAULT }: { slug?: string; waitMs?: number } = {},
  ): Promise<readonly ScriptedCall[]> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(deadline);
        this.#watchers.delete(look);
      };
      const look = (): void => {
        const calls = this.calls(slug);
        if (calls.length < count) return;
        end();
        resolve(calls);
      };
      const deadline = setTimeout(() => {
        end();
        const got = this.calls(slug).length;
        reject(new Error(`waited ${waitMs} ms for ${count} calls of ${slug ?? this.name}, got ${got}`));
      }, waitMs);
      this.#watchers.add(look);
      look();
    });
  }

  async register(serverUrl: string, servedAt = this.url): Promise<JsonObject> {
    this.#serverUrl = serverUrl;
    const answer = await fetch(new URL('/fn/register', serverUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#bearer}` },
      body: JSON.stringify(registration({ name: this.name, url: servedAt, functions: this.#functions })),
      signal: AbortSignal.timeout(REGISTER_TIMEOUT_MS),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`registration was refused with ${answer.status}: ${text}`);
    return JSON.parse(text) as JsonObject;
  }

  setFunctions(functions: readonly ScriptedFunction[]): void {
    this.#functions = functions;
    this.#bySlug = new Map(functions.map((fn) => [`${this.name}-${fn.id}`, fn]));
  }

  stop(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.close((error) => (error === undefined ? resolve() : reject(error)));
      this.#server.closeAllConnections();
    });
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const rawBody = chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString();
      const reply = this.#reply(request, response, rawBody);
      if (reply instanceof Promise) void reply.then((late) => send(late, request, response));
      else send(reply, request, response);
    });
  }

  #reply(request: IncomingMessage, response: ServerResponse, rawBody: string): Reply | Promise<Reply> {
    switch (request.method) {
      case 'POST':
        return this.#call(request, response, rawBody);
      case 'PUT':
        return this.#sync(request);
      case 'GET':
        return fromSdk(200, { schema_version: '2024-05-24', function_count: this.#functions.length, mode: 'dev' });
      default:
        return raw(405);
    }
  }

  #call(request: IncomingMessage, response: ServerResponse, rawBody: string): Reply | Promise<Reply> {
    const ended = this.#callsKept === 0 ? NEVER : new Promise<void>((resolve) => void response.once('close', resolve));
    const call = new ScriptedCall({ url: request.url ?? '', headers: request.headers, rawBody, ended });
    this.#record(call);
    const fn = this.#bySlug.get(call.slug);
    if (fn === undefined) return failed(`no function ${call.slug}`);
    try {
      const reply = fn.script(call);
      return reply instanceof Promise ? reply.catch(asFailure) : reply;
    } catch (error) {
      return asFailure(error);
    }
  }

  #record(call: ScriptedCall): void {
    this.#callCount += 1;
    if (this.#callsKept === 0) return;
    this.#calls.push(call);
    if (this.#calls.length > this.#callsKept) this.#calls.shift();
    this.#untaken.emit(call);
    for (const look of this.#watchers) look();
  }

  async #sync(request: IncomingMessage): Promise<Reply> {
    if (request.headers['x-inngest-sync-kind'] === 'in_band') {
      const answer = inBandSync({ name: this.name, url: this.url, functions: this.#functions });
      return fromSdk(200, answer, { 'x-inngest-sync-kind': 'in_band' });
    }
    if (this.#serverUrl === undefined) return fromSdk(500, { message: 'no server to register at' });
    try {
      const { modified = false } = await this.register(this.#serverUrl);
      return fromSdk(200, { message: 'Successfully registered', modified });
    } catch (error) {
      return fromSdk(500, { message: String(error), modified: false });
    }
  }
}

/** Calls that nobody keeps need no promise of their own. */
const NEVER = new Promise<void>(() => undefined);

function asFailure(error: unknown): Reply {
  return failed(error instanceof Error ? error.message : String(error));
}

function send(reply: Reply, request: IncomingMessage, response: ServerResponse): void {
  switch (reply.kind) {
    case 'answer':
      response.writeHead(reply.status, reply.headers);
      response.end(reply.body);
      return;
    case 'hang':
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    default:
      reply satisfies never;
  }
}
