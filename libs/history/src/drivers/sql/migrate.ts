import { sql, type Kysely } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, Migrator, type Migration } from 'kysely/migration';

import * as eventsRunsRegistry from './migrations/0001-events-runs-registry.ts';

/** In order; append only: what has been released is never changed. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-events-runs-registry': eventsRunsRegistry,
};

/** Brings the database to the newest schema; several processes may do so at once. */
export async function migrateToLatest<T>(db: Kysely<T>): Promise<void> {
  if (await isUpToDate(db)) return;
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

/** The migrator asks the catalogue a lot of questions, which costs a start in PGlite a quarter of its time. */
async function isUpToDate<T>(db: Kysely<T>): Promise<boolean> {
  const { rows: tables } = await sql<{ found: string | null }>`
    select to_regclass(${DEFAULT_MIGRATION_TABLE})::text as found`.execute(db);
  if (typeof tables[0]?.found !== 'string') return false;
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(db);
  const applied = new Set(rows.map(({ name }) => name));
  return Object.keys(MIGRATIONS).every((name) => applied.has(name));
}
