export { HistoryError } from './history-error.ts';
export type {
  AppRecord,
  EventOutcome,
  EventOutcomeRecord,
  EventRecord,
  History,
  HistoryBatch,
  Registry,
  RunHistory,
  SyncedFunction,
  UnfinishedRuns,
} from './history.ts';
