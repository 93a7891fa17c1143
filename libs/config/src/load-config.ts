import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config, DataConfig, HistoryConfig, SyncConfig } from './config.ts';
import { DEFAULTS } from './defaults.ts';
import type { OptionValues } from './options.ts';
import type { Problem } from './problem.ts';
import { type ReadOptions, readSources, type Sources } from './read-sources.ts';
import { keyProblems } from './validate-keys.ts';

const DAY_MS = 86_400_000;

export interface ConfigInput extends Sources {
  /** Whether log lines go to a terminal; elsewhere they are JSON. By default they do not. */
  isTerminal?: boolean;
}

export type LoadedConfig =
  /** `notices` stop nothing, but the operator should see them: a file that cannot be read, an option without effect. */
  { ok: true; config: Config; notices: Problem[] } | { ok: false; problems: Problem[] };

/**
 * One frozen object from flags, variables, a config file and the defaults, in this order of strength. Reports every problem
 * at once; none of them quotes a secret. Reads the file system, and nothing of the process but what it is given.
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const read = readSources(input);
  const badOptions = new Set(read.problems.map(({ path }) => path));
  const keys = input.command === 'start' ? keyProblems(read, badOptions) : [];
  const problems = [...read.problems, ...keys, ...poolProblems(read)];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: freeze(build(input, read)), notices: read.notices };
}

/** In the words of http-api.md 4.4. */
function poolProblems({ values, sources }: ReadOptions): Problem[] {
  const open = values['postgres-max-open-conns'];
  const idle = values['postgres-max-idle-conns'];
  const source = sources['postgres-max-open-conns'] ?? sources['postgres-max-idle-conns'] ?? 'defaults';
  if (open !== undefined && open <= 1) {
    const message = `postgres-max-open-conns (${open}) must be greater than 1`;
    return [{ source, path: 'postgres-max-open-conns', message }];
  }
  if (typeof idle !== 'number' || open === undefined || idle <= open) return [];
  const message = `postgres-max-idle-conns (${idle}) cannot be greater than postgres-max-open-conns (${open})`;
  return [{ source, path: 'postgres-max-idle-conns', message }];
}

function build(input: ConfigInput, { values }: ReadOptions): Config {
  const isDev = input.command === 'dev';
  const retryIntervalS = values['retry-interval'] ?? DEFAULTS.retryIntervalS;
  const isJson = values.json ?? input.isTerminal !== true;
  return {
    mode: input.command,
    http: {
      host: values.host ?? (isDev ? DEFAULTS.hostDev : DEFAULTS.hostStart),
      port: values.port ?? DEFAULTS.port,
      portIsExplicit: values.port !== undefined,
    },
    auth: { signingKeys: signingKeys(values), eventKeys: unique(values['event-key'] ?? []) },
    data: dataConfig(input, values),
    sync: syncConfig(isDev, values),
    executor: {
      concurrency: values['queue-workers'] ?? DEFAULTS.queueWorkers,
      ...(retryIntervalS > 0 && { retryIntervalMs: retryIntervalS * 1000 }),
    },
    history: historyConfig(values),
    limits: {
      eventBytesMax: values['event-bytes-max'] ?? DEFAULTS.eventBytesMax,
      retentionMs: (values['retention-days'] ?? DEFAULTS.retentionDays) * DAY_MS,
    },
    log: {
      level: values['log-level'] ?? (values.verbose === true ? 'debug' : DEFAULTS.logLevel),
      format: isJson ? 'json' : 'pretty',
    },
    sample: isDev && values.sample === true,
  };
}

function signingKeys(values: OptionValues): string[] {
  const first = values['signing-key'];
  return first === undefined ? [] : unique([first, ...(values['signing-key-fallback'] ?? [])]);
}

/** `dev` forgets everything, unless it is told to keep it or where. */
function dataConfig({ command, cwd }: ConfigInput, values: OptionValues): DataConfig {
  const named = values['data-dir'];
  if (command === 'dev' && named === undefined && values.persist !== true) {
    return { dir: join(tmpdir(), `perdure-dev-${randomUUID()}`), isTemporary: true };
  }
  return { dir: resolve(cwd, named ?? DEFAULTS.dataDir), isTemporary: false };
}

function syncConfig(isDev: boolean, values: OptionValues): SyncConfig {
  const byDefaultS = isDev ? DEFAULTS.pollIntervalDevS : DEFAULTS.pollIntervalStartS;
  const intervalS = values['poll-interval'] ?? byDefaultS;
  return {
    urls: unique(values['sdk-url'] ?? []),
    poll: intervalS > 0 && values['no-poll'] !== true,
    pollIntervalMs: intervalS * 1000,
    discovery: isDev && values['no-discovery'] !== true,
  };
}

function historyConfig(values: OptionValues): HistoryConfig {
  const url = values['postgres-uri'];
  if (url === undefined) return { driver: 'pglite' };
  return { driver: 'postgres', url, poolMax: values['postgres-max-open-conns'] ?? DEFAULTS.postgresConnectionsMax };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function freeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) freeze(part);
  return Object.freeze(value);
}
