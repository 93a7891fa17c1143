import { Kysely } from 'kysely';

import { openedHistory, type OpenedHistory } from '../opened-history.ts';
import { migrateToLatest, pendingMigrations } from '../sql/migrate.ts';
import type { Tables } from '../sql/tables.ts';
import { PooledPostgresDialect } from './postgres-dialect.ts';
import { POOL_LIMITS, PostgresPool, type PoolLimits, type PoolOptions } from './postgres-pool.ts';
import { serverOf, waitForPostgres } from './wait-for-postgres.ts';

/** How long opening waits for a server that is starting. */
const WAIT_MS = 30_000;
/** A migration takes as long as it takes, and waits as long as another process migrates. */
const MIGRATION_LIMITS: PoolLimits = { ...POOL_LIMITS, statementMs: 0 };

export interface MigrateHistoryOptions {
  /** `postgres://user:password@host:port/database` */
  url: string;
  /** Default 30 s. */
  waitMs?: number;
  /** Told once when the server is not there yet and is waited for. */
  onWaiting?: (reason: string) => void;
}

export interface PostgresHistoryOptions extends MigrateHistoryOptions {
  /** Connections at once. */
  poolMax: number;
  /** Told when a connection that nobody used was lost. The next statement connects again. */
  onConnectionLost?: (error: Error) => void;
}

/**
 * History and registry in a Postgres, brought to the newest schema; several processes may open it at once. A statement
 * that is not answered in 10 s fails, as does one that no connection is free for in 5 s: with `HISTORY_UNAVAILABLE`.
 *
 * Throws `HISTORY_UNAVAILABLE` when it does not answer in time or refuses the login, `HISTORY_TOO_NEW` when a newer
 * version has changed its tables.
 */
export async function openPostgresHistory(options: PostgresHistoryOptions): Promise<OpenedHistory> {
  return openedHistory(await connectPostgres(options));
}

/**
 * Brings the database to the newest schema and answers the names of the migrations that this took, none when it was
 * there already. Throws as `openPostgresHistory`.
 */
export async function migrateHistory(options: MigrateHistoryOptions): Promise<string[]> {
  const db = openDatabase({ ...options, poolMax: 1 }, POOL_LIMITS);
  try {
    return await broughtUpToDate(db, options);
  } finally {
    await db.destroy();
  }
}

/** The migrated database itself. */
export async function connectPostgres(
  options: PostgresHistoryOptions,
  limits: PoolLimits = POOL_LIMITS,
): Promise<Kysely<Tables>> {
  const db = openDatabase(options, limits);
  try {
    await broughtUpToDate(db, options);
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

async function broughtUpToDate(db: Kysely<Tables>, options: MigrateHistoryOptions): Promise<string[]> {
  await waitForPostgres(db, { waitMs: WAIT_MS, ...options });
  if ((await pendingMigrations(db)).length === 0) return [];
  const patient = openDatabase({ url: options.url, poolMax: 1 }, MIGRATION_LIMITS);
  try {
    return await migrateToLatest(patient);
  } finally {
    await patient.destroy();
  }
}

/** Connects with the first statement. */
export function openDatabase(options: PoolOptions, limits: PoolLimits): Kysely<Tables> {
  // Refused before anything that might print it.
  serverOf(options.url);
  return new Kysely<Tables>({ dialect: new PooledPostgresDialect(new PostgresPool(options, limits)) });
}
