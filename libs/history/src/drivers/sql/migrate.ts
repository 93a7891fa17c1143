import type { Kysely } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';

import * as eventsRunsRegistry from './migrations/0001-events-runs-registry.ts';

/** In order; append only: what has been released is never changed. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-events-runs-registry': eventsRunsRegistry,
};

/** Brings the database to the newest schema; several processes may do so at once. */
export async function migrateToLatest<T>(db: Kysely<T>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
