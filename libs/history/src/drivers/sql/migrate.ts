import { sql, type Kysely } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, Migrator, type Migration } from 'kysely/migration';

import { HistoryError } from '../../history-error.ts';
import * as eventsRunsRegistry from './migrations/0001-events-runs-registry.ts';
import * as controlAndState from './migrations/0003-control-and-state.ts';
import * as limitOverrides from './migrations/0004-limit-overrides.ts';
import * as indexesOfOpenAndEndedRuns from './migrations/0002-indexes-of-open-and-ended-runs.ts';

/**
 * In order; append only: what has been released is never changed. While one process migrates, others of the version
 * before go on: a migration adds, and takes away only what that version no longer uses.
 */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-events-runs-registry': eventsRunsRegistry,
  '0002-indexes-of-open-and-ended-runs': indexesOfOpenAndEndedRuns,
  '0003-control-and-state': controlAndState,
  '0004-limit-overrides': limitOverrides,
};

/** Brings the database to the newest schema and answers what that took; several processes may do so at once. */
export async function migrateToLatest<T>(db: Kysely<T>): Promise<string[]> {
  if ((await pendingMigrations(db)).length === 0) return [];
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) } });
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error !== undefined) {
    // A newer version may have been faster.
    await pendingMigrations(db);
    throw error;
  }
  return results.map(({ migrationName }) => migrationName);
}

/**
 * What is still to be done; throws `HISTORY_TOO_NEW` when more has been done than this version knows. Asked before the
 * migrator, whose many questions to the catalogue cost a start in PGlite a quarter of its time.
 */
export async function pendingMigrations<T>(db: Kysely<T>): Promise<string[]> {
  const applied = await appliedMigrations(db);
  const unknown = applied.filter((name) => !Object.hasOwn(MIGRATIONS, name));
  if (unknown.length > 0) {
    const message = `the history database was changed by a newer version (${unknown.join(', ')}): start that version`;
    throw new HistoryError('HISTORY_TOO_NEW', message, { unknown });
  }
  return Object.keys(MIGRATIONS).filter((name) => !applied.includes(name));
}

async function appliedMigrations<T>(db: Kysely<T>): Promise<string[]> {
  const { rows: tables } = await sql<{ found: string | null }>`
    select to_regclass(${DEFAULT_MIGRATION_TABLE})::text as found`.execute(db);
  if (typeof tables[0]?.found !== 'string') return [];
  const { rows } = await sql<{ name: string }>`
    select name from ${sql.table(DEFAULT_MIGRATION_TABLE)} order by name`.execute(db);
  return rows.map(({ name }) => name);
}
