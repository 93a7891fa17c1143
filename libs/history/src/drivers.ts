export type { OpenedHistory } from './drivers/opened-history.ts';
export { openPgliteHistory, type PgliteHistoryOptions } from './drivers/pglite/pglite-history.ts';
export { describePostgres, type PostgresDescription } from './drivers/postgres/describe-postgres.ts';
export {
  migrateHistory,
  openPostgresHistory,
  type MigrateHistoryOptions,
  type PostgresHistoryOptions,
} from './drivers/postgres/postgres-history.ts';
