export type {
  AuthConfig,
  Command,
  Config,
  DataConfig,
  ExecutorConfig,
  HistoryConfig,
  HttpConfig,
  LimitsConfig,
  LogConfig,
  RoleName,
  StoreConfig,
  StreamConfig,
  SyncConfig,
  TelemetryConfig,
} from './config.ts';
export { DEFAULTS } from './defaults.ts';
export { describeConfig } from './describe-config.ts';
export { loadConfig, type ConfigInput, type LoadedConfig } from './load-config.ts';
export { optionsOf, type OptionDescription, type OptionName } from './options.ts';
export type { Problem } from './problem.ts';
