export { HistoryError } from './history-error.ts';
export type {
  AppRecord,
  EventOutcome,
  EventOutcomeRecord,
  EventRecord,
  HeldState,
  History,
  HistoryBatch,
  MetadataRecord,
  OverriddenLimits,
  Registry,
  RunHistory,
  SpanRecord,
  SyncedFunction,
  UnfinishedRuns,
} from './history.ts';
export type { Sweep, SweepKind, Sweeps } from './sweeps.ts';
