import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type BackingServices, startBackingServices } from './backing-services.ts';
import { PerdureProcess } from './perdure-process.ts';
import { until } from './poll.ts';
import { Turns } from './turns.ts';
import { ServerApi } from './server-api.ts';
import { CLUSTER_CELLS, CLUSTER_ROLES, METRICS_FLAGS, serviceFlags, topology, type Topology } from './topology.ts';

export { spawnPerdure } from './perdure-process.ts';

/** Lines of the log kept for the report of a failure. */
const LOG_LINES_MAX = 5_000;
const LOG_LINES_SHOWN = 60;

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
  /** Default: what the project of the test says. */
  topology?: Topology;
  /** Default: services of its own, where the topology has any. */
  services?: BackingServices;
}

/** The command line as one string list, for servers and for commands that are expected to fail. */
export function commandLine({ port = 0, ...options }: ServerOptions): string[] {
  return [...argumentsOf(options), '--port', String(port)];
}

function argumentsOf(options: Omit<ServerOptions, 'port'>): string[] {
  const { command = 'dev', keys, dataDir, persist, args = [] } = options;
  return [
    command,
    ...(command === 'dev' ? ['--no-discovery'] : []),
    ...(command === 'dev' && persist === true ? ['--persist'] : []),
    ...(dataDir === undefined ? [] : ['--data-dir', dataDir]),
    ...keyFlags(keys),
    ...args,
  ];
}

function keyFlags(keys: Keys | undefined): string[] {
  return keys === undefined ? [] : ['--signing-key', keys.signingKey, '--event-key', keys.eventKey];
}

/** A running server, seen from outside only: one `perdure` process or several, on services or without. */
export class PerdureServer {
  readonly api: ServerApi;
  readonly keys: Keys | undefined;
  /** The one that clients talk to is the first. */
  readonly processes: readonly PerdureProcess[];
  readonly #folder: string;
  readonly #services: BackingServices | undefined;
  readonly #log: string[] = [];
  /** Where the log of the current processes begins. */
  #startsAtLine = 0;

  constructor(options: ServerOptions, folder: string, services?: BackingServices) {
    this.keys = options.command === 'start' ? (options.keys ?? TEST_KEYS) : options.keys;
    this.#folder = folder;
    this.#services = services;
    const { port, env } = options;
    this.processes = commandsOf({ ...options, ...(this.keys !== undefined && { keys: this.keys }) }, services).map(
      (command, index) =>
        new PerdureProcess({
          ...command,
          env: { TMPDIR: folder, ...env },
          ...(index === 0 && port !== undefined && { port }),
          keepLine: (line) => this.#keep(`${command.name}${line}`),
        }),
    );
    this.api = new ServerApi(() => this.url, this.keys);
  }

  get url(): string {
    const [first] = this.processes;
    if (first === undefined) throw new Error('a server has at least one process');
    return first.url;
  }

  /** What it printed, the last lines. */
  get log(): string {
    return this.#log.slice(-LOG_LINES_SHOWN).join('\n');
  }

  /** All that it printed, as far as it is kept. */
  get wholeLog(): string {
    return this.#log.join('\n');
  }

  /** Resolves when a line that holds `text` is printed, or has been since the last start. */
  waitForLog(text: string, waitMs?: number): Promise<true> {
    const look = () => this.#log.slice(this.#startsAtLine).some((line) => line.includes(text)) || undefined;
    return until(`"${text}" in the log`, look, waitMs === undefined ? {} : { waitMs });
  }

  /** Starts all processes, on the ports that they had before, and resolves when they are ready. Answers how long that took. */
  async start(): Promise<number> {
    const startedAt = performance.now();
    this.#startsAtLine = this.#log.length;
    const starts = await Promise.allSettled(this.processes.map((process) => process.start()));
    for (const start of starts) if (start.status === 'rejected') throw start.reason;
    return performance.now() - startedAt;
  }

  /** As when the machine loses power for these processes alone. */
  async kill9(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.kill9()));
  }

  /** SIGTERM to all; answers the exit code, of several the first that is not 0. */
  async terminate(): Promise<number | null> {
    const codes = await Promise.all(this.processes.map((process) => process.terminate()));
    return codes.find((code) => code !== 0) ?? 0;
  }

  /** Ends it, and removes what it kept. */
  async stop(): Promise<void> {
    await this.terminate();
    await this.#services?.stop();
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

function commandsOf(options: ServerOptions, services: BackingServices | undefined): { name: string; args: string[] }[] {
  if (services === undefined) return [{ name: '', args: argumentsOf(options) }];
  const { command = 'dev', keys, args = [] } = options;
  if ((options.topology ?? topology) === 'services') {
    return [
      { name: '', args: argumentsOf({ ...options, args: [...args, ...METRICS_FLAGS, ...serviceFlags(services)] }) },
    ];
  }
  const flags = [
    ...(command === 'dev' ? ['--dev'] : []),
    '--host',
    '127.0.0.1',
    ...keyFlags(keys),
    ...METRICS_FLAGS,
    ...serviceFlags(services, CLUSTER_CELLS),
    ...args,
  ];
  return CLUSTER_ROLES.map((roles, index) => ({
    name: `${roles.join('+')}#${index} `,
    args: ['serve', ...roles, ...flags],
  }));
}

/** Servers of one file that start at a time: each is up to four processes that load all they need. */
const starting = new Turns(2);

/** Starts a server and resolves when it is ready; it is the caller's to `stop`. */
export async function startServer(options: ServerOptions = {}): Promise<PerdureServer> {
  const needsServices = (options.topology ?? topology) !== 'embedded';
  const services = options.services ?? (needsServices ? await startBackingServices() : undefined);
  const folder = await mkdtemp(join(tmpdir(), 'perdure-test-'));
  const keepsData = !needsServices && (options.command === 'start' || options.persist === true);
  const dataDir = options.dataDir ?? (keepsData ? join(folder, 'data') : undefined);
  const server = new PerdureServer({ ...options, ...(dataDir !== undefined && { dataDir }) }, folder, services);
  try {
    await starting.run(() => server.start());
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}
