export type Command = 'dev' | 'start' | 'serve';
/** What a process does; `dev` and `start` do all of it. */
export type RoleName = 'event-api' | 'runner' | 'executor' | 'api';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** All that an operator can choose, split by who needs it. Frozen; made once, by `loadConfig`. */
export interface Config {
  readonly mode: Command;
  /** At least one, each once. */
  readonly roles: readonly RoleName[];
  readonly http: HttpConfig;
  readonly auth: AuthConfig;
  readonly data: DataConfig;
  readonly sync: SyncConfig;
  readonly executor: ExecutorConfig;
  readonly stream: StreamConfig;
  readonly store: StoreConfig;
  readonly history: HistoryConfig;
  readonly limits: LimitsConfig;
  readonly log: LogConfig;
  readonly telemetry: TelemetryConfig;
  /** How long calls in flight may take to finish when the process is asked to stop. */
  readonly drainMs: number;
  /** Whether to run the sample application beside the server. */
  readonly sample: boolean;
}

export interface HttpConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Both are empty in `dev`, where nothing is signed or checked. */
export interface AuthConfig {
  /** As given, possibly with a `signkey-<env>-` prefix. The first signs, all are accepted. */
  readonly signingKeys: string[];
  readonly eventKeys: string[];
}

export interface DataConfig {
  /** Absolute. */
  readonly dir: string;
  /** Nobody asked to keep the folder: whoever made it deletes it at the end. */
  readonly isTemporary: boolean;
}

export interface SyncConfig {
  /** Where applications serve their functions. */
  readonly urls: string[];
  /** Whether applications are asked again for their functions, and how often. */
  readonly poll: boolean;
  readonly pollIntervalMs: number;
  /** Whether to look for applications on the usual ports of this machine. */
  readonly discovery: boolean;
}

export interface ExecutorConfig {
  /** Calls to applications in progress at once, per process. */
  readonly concurrency: number;
  /** One delay for all retries instead of the growing one. */
  readonly retryIntervalMs?: number;
}

/** The event stream; with it, the bus. */
export type StreamConfig =
  | { readonly driver: 'embedded' }
  | {
      readonly driver: 'jetstream';
      /** `nats://` or `tls://`, with user and password where the server wants them. */
      readonly servers: readonly string[];
      /** Copies of each message, each on a server of its own: 1, 3 or 5. */
      readonly replicas: number;
      /** How long messages are kept at most, acknowledged or not. */
      readonly retentionMs: number;
    };

export type StoreConfig =
  | { readonly driver: 'embedded' }
  | {
      readonly driver: 'redis';
      /** `redis[s]://`, `redis[s]+sentinel://` or `redis[s]+cluster://`, see docs/operating.md. */
      readonly url: string;
      /** Fixed for the life of the data. */
      readonly cells: number;
      /** Replicas that must have a write before what depends on it is acknowledged; 0: none is waited for. */
      readonly waitReplicas: number;
    };

export interface TelemetryConfig {
  /** Where `/metrics` is served; absent: nowhere. Port 0: any free port. */
  readonly metrics?: { readonly host: string; readonly port: number };
  /** OTLP over HTTP, the base URL of the collector; absent: no traces are exported. */
  readonly otlpUrl?: string;
}

export type HistoryConfig =
  | { readonly driver: 'pglite' }
  | { readonly driver: 'postgres'; readonly url: string; readonly poolMax: number };

export interface LimitsConfig {
  readonly eventBytesMax: number;
  /** How long events and ended runs stay visible. */
  readonly retentionMs: number;
}

export interface LogConfig {
  readonly level: LogLevel;
  readonly format: 'pretty' | 'json';
}
