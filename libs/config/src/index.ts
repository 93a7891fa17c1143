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
export { buildLogConfig } from './build-config.ts';
export { DEFAULTS } from './defaults.ts';
export { describeConfig } from './describe-config.ts';
export type { Sources } from './given.ts';
export { loadConfig, loadOptions, type ConfigInput, type LoadedConfig, type LoadedOptions } from './load-config.ts';
export { optionsOf, type CommandName, type OptionDescription, type OptionName, type OptionValues } from './options.ts';
export type { Problem } from './problem.ts';
export { ROLE_NAMES } from './roles.ts';
