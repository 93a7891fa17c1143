export type { OpenedHistory } from './drivers/opened-history.ts';
export { openPgliteHistory, type PgliteHistoryOptions } from './drivers/pglite/pglite-history.ts';
export {
  migrateHistory,
  openPostgresHistory,
  type MigrateHistoryOptions,
  type PostgresHistoryOptions,
} from './drivers/postgres/postgres-history.ts';
