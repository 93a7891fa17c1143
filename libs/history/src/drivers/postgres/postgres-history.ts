import { Kysely, PostgresDialect, type Driver } from 'kysely';
import pg from 'pg';

import { openedHistory, type OpenedHistory } from '../opened-history.ts';
import { migrateToLatest } from '../sql/migrate.ts';
import { statementError } from '../sql/statement-error.ts';
import type { Tables } from '../sql/tables.ts';
import { TranslatingDriver } from '../sql/translating-driver.ts';

const CONNECT_MS_MAX = 10_000;
/** Postgres's numbers of the types (pg_type.oid). */
const INT8 = 20;
const JSON_TEXT = 114;

export interface PostgresHistoryOptions {
  /** `postgres://user:password@host:port/database` */
  url: string;
  /** Connections at once. */
  poolMax: number;
  /** Told when a connection that nobody used was lost. The next statement connects again. */
  onConnectionLost?: (error: Error) => void;
}

/**
 * History and registry in a Postgres, brought to the newest schema; several processes may open it at once.
 * Throws `HISTORY_UNAVAILABLE` when it cannot be reached.
 */
export async function openPostgresHistory(options: PostgresHistoryOptions): Promise<OpenedHistory> {
  return openedHistory(await connectPostgres(options));
}

/** The migrated database itself. */
export async function connectPostgres(options: PostgresHistoryOptions): Promise<Kysely<Tables>> {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolMax,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    types: typesOfTables(),
  });
  // Without listeners the loss of a connection would end the process. The pool tells of those that nobody uses; of one
  // in use the statement tells, and the connection once more.
  pool.on('error', (error) => options.onConnectionLost?.(error));
  pool.on('connect', (client) => client.on('error', () => {}));
  const db = new Kysely<Tables>({ dialect: new PortDialect({ pool }) });
  try {
    await migrateToLatest(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return db;
}

/** PostgresDialect with the port's errors. */
class PortDialect extends PostgresDialect {
  override createDriver(): Driver {
    return new TranslatingDriver(super.createDriver(), translate);
  }
}

/** The values of `Tables`: instants and counts as numbers, JSON as the text that was stored. */
function typesOfTables(): pg.CustomTypesConfig {
  const types = new pg.TypeOverrides();
  types.setTypeParser(INT8, Number);
  types.setTypeParser(JSON_TEXT, (text: string) => text);
  return types;
}

function translate(error: unknown): Error {
  return statementError(error instanceof pg.DatabaseError ? error.code : undefined, error);
}
