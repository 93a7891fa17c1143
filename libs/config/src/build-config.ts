import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type {
  Command,
  Config,
  DataConfig,
  HistoryConfig,
  LogConfig,
  RoleName,
  StoreConfig,
  StreamConfig,
  SyncConfig,
  TelemetryConfig,
} from './config.ts';
import { DEFAULTS } from './defaults.ts';
import type { OptionValues } from './options.ts';

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface Surroundings {
  command: Command;
  /** `dev` also for `serve --dev`. */
  mode: Command;
  cwd: string;
  isTerminal: boolean;
}

/** Valid values and the defaults of all others, split by who needs them. */
export function buildConfig(around: Surroundings, values: OptionValues, roles: readonly RoleName[]): Config {
  const isDev = around.mode === 'dev';
  const retryIntervalS = values['retry-interval'] ?? DEFAULTS.retryIntervalS;
  return {
    mode: around.mode,
    roles,
    http: {
      host: values.host ?? (isDev ? DEFAULTS.hostDev : DEFAULTS.hostServer),
      port: values.port ?? DEFAULTS.port,
    },
    auth: isDev
      ? { signingKeys: [], eventKeys: [] }
      : { signingKeys: signingKeys(values), eventKeys: unique(values['event-key'] ?? []) },
    data: dataConfig(around, values),
    sync: syncConfig(around, values),
    executor: {
      concurrency: values['queue-workers'] ?? DEFAULTS.queueWorkers,
      ...(retryIntervalS > 0 && { retryIntervalMs: retryIntervalS * SECOND_MS }),
    },
    stream: streamConfig(values),
    store: storeConfig(values),
    history: historyConfig(values),
    limits: {
      eventBytesMax: values['event-bytes-max'] ?? DEFAULTS.eventBytesMax,
      retentionMs: (values['retention-days'] ?? DEFAULTS.retentionDays) * DAY_MS,
    },
    log: buildLogConfig(values, around.isTerminal),
    telemetry: telemetryConfig(values),
    drainMs: (values['drain-seconds'] ?? DEFAULTS.drainS) * SECOND_MS,
    sample: values.sample === true,
  };
}

/** Lines are for people where a terminal shows them, and for programs elsewhere. */
export function buildLogConfig(values: OptionValues, isTerminal: boolean): LogConfig {
  return {
    level: values['log-level'] ?? (values.verbose === true ? 'debug' : DEFAULTS.logLevel),
    format: (values.json ?? !isTerminal) ? 'json' : 'pretty',
  };
}

function signingKeys(values: OptionValues): string[] {
  const first = values['signing-key'];
  return first === undefined ? [] : unique([first, ...(values['signing-key-fallback'] ?? [])]);
}

/** `dev` forgets everything, unless it is told to keep it or where. */
function dataConfig({ mode, cwd }: Surroundings, values: OptionValues): DataConfig {
  const named = values['data-dir'];
  if (mode === 'dev' && named === undefined && values.persist !== true) {
    return { dir: join(tmpdir(), `perdure-dev-${randomUUID()}`), isTemporary: true };
  }
  return { dir: resolve(cwd, named ?? DEFAULTS.dataDir), isTemporary: false };
}

/** Only the command `dev` is known to run on the machine of its applications. */
function syncConfig({ command, mode }: Surroundings, values: OptionValues): SyncConfig {
  const byDefaultS = mode === 'dev' ? DEFAULTS.pollIntervalDevS : DEFAULTS.pollIntervalServerS;
  const intervalS = values['poll-interval'] ?? byDefaultS;
  return {
    urls: unique(values['sdk-url'] ?? []),
    poll: intervalS > 0 && values['no-poll'] !== true,
    pollIntervalMs: intervalS * SECOND_MS,
    discovery: command === 'dev' && values['no-discovery'] !== true,
  };
}

function streamConfig(values: OptionValues): StreamConfig {
  const servers = values['nats-uri'];
  if (servers === undefined) return { driver: 'embedded' };
  return {
    driver: 'jetstream',
    servers: unique(servers),
    replicas: values['nats-replicas'] ?? DEFAULTS.natsReplicas,
    retentionMs: (values['stream-retention-hours'] ?? DEFAULTS.streamRetentionHours) * HOUR_MS,
  };
}

function storeConfig(values: OptionValues): StoreConfig {
  const url = values['redis-uri'];
  if (url === undefined) return { driver: 'embedded' };
  return {
    driver: 'redis',
    url,
    cells: values.cells ?? DEFAULTS.cells,
    waitReplicas: values['redis-wait-replicas'] ?? DEFAULTS.redisWaitReplicas,
  };
}

function historyConfig(values: OptionValues): HistoryConfig {
  const url = values['postgres-uri'];
  if (url === undefined) return { driver: 'pglite' };
  return { driver: 'postgres', url, poolMax: values['postgres-max-open-conns'] ?? DEFAULTS.postgresConnectionsMax };
}

function telemetryConfig(values: OptionValues): TelemetryConfig {
  const host = values['metrics-host'] ?? DEFAULTS.metricsHost;
  const port = values['metrics-port'] ?? DEFAULTS.metricsPort;
  const otlpUrl = values['otlp-endpoint'];
  return {
    ...(values['no-metrics'] !== true && { metrics: { host, port } }),
    ...(otlpUrl !== undefined && { otlpUrl }),
  };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
