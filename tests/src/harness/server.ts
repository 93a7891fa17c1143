import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';

import { until } from './poll.ts';
import { ServerApi } from './server-api.ts';

/** Longest a start may take before the test gives up: several times what an idle machine needs. */
const READY_MS_MAX = 30_000;
/** Longest a graceful stop may take. */
const STOP_MS_MAX = 20_000;
/** Lines of the log kept for the report of a failure. */
const LOG_LINES_MAX = 5_000;
const LOG_LINES_SHOWN = 60;

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const cli = join(repository, 'apps/cli/dist/main.js');
/** The Node that the workspace pins, whatever runs the tests. */
const node = join(dirname(createRequire(join(repository, 'package.json')).resolve('node/package.json')), 'bin/node');

export interface Keys {
  signingKey: string;
  eventKey: string;
}

/** Keys for a server that wants some. */
export const TEST_KEYS: Keys = { signingKey: 'ab'.repeat(32), eventKey: 'an-event-key' };

export interface ServerOptions {
  /** Default `dev`; `start` gets `TEST_KEYS` unless `keys` says otherwise. */
  command?: 'dev' | 'start';
  keys?: Keys;
  /** Keep data in this folder. Default: `start` and a `persist`ent `dev` get a folder of their own, gone after `stop`. */
  dataDir?: string;
  persist?: boolean;
  /** Default: any free port. */
  port?: number;
  args?: string[];
  env?: Record<string, string>;
}

/** The command line as one string list, for servers and for commands that are expected to fail. */
export function commandLine(options: ServerOptions): string[] {
  const { command = 'dev', keys, dataDir, persist, args = [], port = 0 } = options;
  return [
    command,
    '--port',
    String(port),
    ...(command === 'dev' ? ['--no-discovery'] : []),
    ...(command === 'dev' && persist === true ? ['--persist'] : []),
    ...(dataDir === undefined ? [] : ['--data-dir', dataDir]),
    ...(keys === undefined ? [] : ['--signing-key', keys.signingKey, '--event-key', keys.eventKey]),
    ...args,
  ];
}

/** Starts `perdure` with these arguments; nothing of the caller's `INNGEST_*` variables reaches it. */
export function spawnPerdure(args: string[], env: Record<string, string> = {}): ChildProcess {
  if (!existsSync(cli)) throw new Error(`${cli} is missing: build the workspace first (npm run build)`);
  return spawn(node, [cli, ...args], {
    cwd: env['TMPDIR'] ?? tmpdir(),
    env: { PATH: process.env['PATH'], HOME: env['TMPDIR'] ?? process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** A running `perdure` process, seen from outside only. */
export class PerdureServer {
  readonly api: ServerApi;
  readonly keys: Keys | undefined;
  readonly #options: ServerOptions;
  readonly #folder: string;
  readonly #log: string[] = [];
  /** Where the log of the current process begins. */
  #startsAtLine = 0;
  #port = 0;
  #process: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor(options: ServerOptions, folder: string) {
    this.keys = options.command === 'start' ? (options.keys ?? TEST_KEYS) : options.keys;
    this.#options = { ...options, ...(this.keys !== undefined && { keys: this.keys }) };
    this.#port = options.port ?? 0;
    this.#folder = folder;
    this.api = new ServerApi(() => this.url, this.keys);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What it printed, the last lines. */
  get log(): string {
    return this.#log.slice(-LOG_LINES_SHOWN).join('\n');
  }

  /** Resolves when a line that holds `text` is printed, or has been since the last start. */
  waitForLog(text: string, waitMs?: number): Promise<true> {
    const look = () => this.#log.slice(this.#startsAtLine).some((line) => line.includes(text)) || undefined;
    return until(`"${text}" in the log`, look, waitMs === undefined ? {} : { waitMs });
  }

  /** Starts it, on the port that it had before, and resolves when it says that it is ready. Answers how long that took. */
  async start(): Promise<number> {
    const startedAt = performance.now();
    this.#startsAtLine = this.#log.length;
    const child = spawnPerdure(commandLine({ ...this.#options, port: this.#port }), {
      TMPDIR: this.#folder,
      ...this.#options.env,
    });
    this.#process = child;
    running.add(child);
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code) => {
        running.delete(child);
        resolve(code);
      });
    });
    const ready = new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        if (stream === null) continue;
        createInterface({ input: stream }).on('line', (line) => {
          this.#keep(line);
          const url = readyUrl(line);
          if (url !== undefined) resolve(url);
        });
      }
      void this.#exited.then((code) => reject(new Error(`perdure exited with ${code} while starting:\n${this.log}`)));
      setTimeout(
        () => reject(new Error(`perdure is not ready after ${READY_MS_MAX} ms:\n${this.log}`)),
        READY_MS_MAX,
      ).unref();
    });
    this.#port = Number(new URL(await ready).port);
    return performance.now() - startedAt;
  }

  /** As when the machine loses power for this process alone. */
  async kill9(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM; answers the exit code. A process that does not end is killed and fails the test. */
  async terminate(): Promise<number | null> {
    this.#process?.kill('SIGTERM');
    const patience = setTimeout(() => {
      this.#keep(`(killed: it was still running ${STOP_MS_MAX} ms after SIGTERM)`);
      this.#process?.kill('SIGKILL');
    }, STOP_MS_MAX);
    const code = await this.#exited;
    clearTimeout(patience);
    return code;
  }

  /** Ends it, and removes what it kept. */
  async stop(): Promise<void> {
    await this.terminate();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async restart(): Promise<void> {
    await this.terminate();
    await this.start();
  }

  #keep(line: string): void {
    this.#log.push(line);
    if (this.#log.length <= LOG_LINES_MAX) return;
    this.#log.splice(0, LOG_LINES_MAX / 2);
    this.#startsAtLine = Math.max(0, this.#startsAtLine - LOG_LINES_MAX / 2);
  }
}

/** A test run that is cut short leaves no server behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a server and resolves when it is ready; it is the caller's to `stop`. */
export async function startServer(options: ServerOptions = {}): Promise<PerdureServer> {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-test-'));
  const keepsData = options.command === 'start' || options.persist === true;
  const dataDir = options.dataDir ?? (keepsData ? join(folder, 'data') : undefined);
  const server = new PerdureServer({ ...options, ...(dataDir !== undefined && { dataDir }) }, folder);
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function readyUrl(line: string): string | undefined {
  if (!line.includes('perdure is ready')) return undefined;
  return (JSON.parse(line) as { url?: string }).url;
}
