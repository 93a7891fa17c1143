export type Command = 'dev' | 'start';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** All that an operator can choose, split by who needs it. Frozen; made once, by `loadConfig`. */
export interface Config {
  readonly mode: Command;
  readonly http: HttpConfig;
  readonly auth: AuthConfig;
  readonly data: DataConfig;
  readonly sync: SyncConfig;
  readonly executor: ExecutorConfig;
  readonly history: HistoryConfig;
  readonly limits: LimitsConfig;
  readonly log: LogConfig;
  /** Whether to run the sample application beside the server. */
  readonly sample: boolean;
}

export interface HttpConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The operator named the port, so no other may be taken instead. */
  readonly portIsExplicit: boolean;
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
