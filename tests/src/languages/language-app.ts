import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

import type { JsonObject, JsonValue } from '@perdure/domain';

import { until } from '../harness/poll.ts';
import type { Keys } from '../harness/server.ts';
import { type Exchange, type Recorder, startRecorder } from './recorder.ts';

const SERVE_PATH = '/api/inngest';
const START_MS_MAX = 30_000;
const SYNC_MS_MAX = 15_000;
const LINES_KEPT = 100;

export interface LanguageAppOptions {
  /** The app's ID: distinct for apps that share a server. */
  id: string;
  /** Program and arguments. It follows the rules that the applications in tests/languages have in common. */
  command: readonly string[];
  env?: Record<string, string>;
  /** Where the server is, once it is asked for. */
  serverUrl: () => string;
  /** The SDK runs in cloud mode with these, in dev mode without. */
  keys?: (Keys & { fallbackSigningKey?: string }) | undefined;
}

/** Something that the application says it did. */
export type Deed = JsonObject & { did: string; run: string; attempt: number };

/** One call of a function, parsed as far as tests look. */
export interface FunctionCall extends Exchange {
  fnId: string;
  stepId: string;
  ctx: JsonObject & {
    run_id: string;
    attempt: number;
    generation_id: number;
    stack: { stack: string[] };
    disable_immediate_execution: boolean;
    use_api: boolean;
  };
  memos: JsonObject;
  version: number;
  /** The parsed body of the answer. */
  reply: JsonValue;
}

/** An application in a process of its own, in whatever language; what it and the server say to one another is kept. */
export class LanguageApp {
  readonly id: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #toApp: Recorder;
  readonly #toServer: Recorder;
  readonly #deeds: Deed[] = [];
  readonly #log: string[] = [];
  #port: number | undefined;

  private constructor(options: LanguageAppOptions, toApp: Recorder, toServer: Recorder) {
    this.id = options.id;
    this.#toApp = toApp;
    this.#toServer = toServer;
    const [program = '', ...args] = options.command;
    const child = spawn(program, args, {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        ...sdkVariables(options, toApp, toServer),
        ...options.env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#keep(error.message);
        resolve();
      });
      child.once('exit', () => resolve());
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line));
    createInterface({ input: child.stderr }).on('line', (line) => this.#keep(line));
  }

  /** Starts it and resolves when it listens; it is the caller's to `stop`. */
  static async start(options: LanguageAppOptions): Promise<LanguageApp> {
    // Named before the application is there: it must know its own address, and that is the recorder's.
    let app: LanguageApp | undefined;
    const toApp = await startRecorder(() => app?.directUrl ?? '');
    const toServer = await startRecorder(options.serverUrl);
    app = new LanguageApp(options, toApp, toServer);
    const started = app;
    const hasEnded = started.#exited.then(() => Promise.reject(new Error(`it ended at once:\n${started.log}`)));
    try {
      await Promise.race([
        until('the port of the application', () => started.#port, { waitMs: START_MS_MAX }),
        hasEnded,
      ]);
    } catch (error) {
      await started.stop();
      throw error;
    }
    // From here on it may end.
    hasEnded.catch(() => undefined);
    return started;
  }

  /** The serve URL where nothing is kept. */
  get directUrl(): string {
    return `http://127.0.0.1:${this.#port ?? 0}${SERVE_PATH}`;
  }

  /** The serve URL, as the server knows it. */
  get url(): string {
    return this.#toApp.url + SERVE_PATH;
  }

  /** The end of what it wrote besides its deeds. */
  get log(): string {
    return this.#log.join('\n');
  }

  /** What it did in a run, the oldest first; of all runs without `runId`. */
  deedsOf(runId?: string): Deed[] {
    return this.#deeds.filter(({ run }) => runId === undefined || run === runId);
  }

  /** The calls of a run that were answered, the oldest first. */
  callsOf(runId: string): FunctionCall[] {
    return this.#toApp.exchanges
      .filter(({ method, path }) => method === 'POST' && path.includes('fnId='))
      .map(parseCall)
      .filter(({ ctx }) => ctx.run_id === runId);
  }

  /** What it asked of the server at a path that begins so. */
  requestsTo(prefix: string): Exchange[] {
    return this.#toServer.exchanges.filter(({ path }) => path.startsWith(prefix));
  }

  /** What the server, or a test, asked of it with a method other than POST. */
  get probes(): Exchange[] {
    return this.#toApp.exchanges.filter(({ method }) => method !== 'POST');
  }

  /** Makes the SDK register its functions (`PUT`), and answers what it says about it. Fails unless that succeeds. */
  async sync(): Promise<JsonObject> {
    const answer = await fetch(this.url, { method: 'PUT', signal: AbortSignal.timeout(SYNC_MS_MAX) });
    const body = JSON.parse(await answer.text()) as JsonObject;
    if (answer.status !== 200 || body['ok'] !== true) {
      throw new Error(`the SDK could not register: ${answer.status} ${JSON.stringify(body)}\n${this.log}`);
    }
    return body;
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
    await Promise.all([this.#toApp.stop(), this.#toServer.stop()]);
  }

  #hear(line: string): void {
    const said = parseObject(line);
    if (typeof said?.['port'] === 'number') this.#port = said['port'];
    else if (typeof said?.['did'] === 'string') this.#deeds.push(said as Deed);
    else this.#keep(line);
  }

  #keep(line: string): void {
    this.#log.push(line);
    if (this.#log.length > LINES_KEPT) this.#log.shift();
  }
}

/** The variables that every SDK reads. */
function sdkVariables({ keys }: LanguageAppOptions, toApp: Recorder, toServer: Recorder): Record<string, string> {
  return {
    INNGEST_SERVE_ORIGIN: toApp.url,
    INNGEST_BASE_URL: toServer.url,
    INNGEST_API_BASE_URL: toServer.url,
    INNGEST_EVENT_API_BASE_URL: toServer.url,
    INNGEST_DEV: keys === undefined ? '1' : '0',
    ...(keys !== undefined && { INNGEST_SIGNING_KEY: keys.signingKey, INNGEST_EVENT_KEY: keys.eventKey }),
    ...(keys?.fallbackSigningKey !== undefined && { INNGEST_SIGNING_KEY_FALLBACK: keys.fallbackSigningKey }),
  };
}

function parseCall(exchange: Exchange): FunctionCall {
  const query = new URL(exchange.path, 'http://app').searchParams;
  const body = JSON.parse(exchange.body) as JsonObject;
  return {
    ...exchange,
    fnId: query.get('fnId') ?? '',
    stepId: query.get('stepId') ?? '',
    ctx: body['ctx'] as FunctionCall['ctx'],
    memos: body['steps'] as JsonObject,
    version: Number(body['version']),
    reply: JSON.parse(exchange.answer) as JsonValue,
  };
}

function parseObject(line: string): JsonObject | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as JsonObject;
  } catch {
    return undefined;
  }
}
