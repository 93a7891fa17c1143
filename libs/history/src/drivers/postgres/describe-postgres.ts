import { sql } from 'kysely';

import { pendingMigrations } from '../sql/migrate.ts';
import { openDatabase } from './postgres-history.ts';
import { POOL_LIMITS } from './postgres-pool.ts';
import { waitForPostgres } from './wait-for-postgres.ts';

const WAIT_MS = 5_000;

/** A server, as an operator wants to see it. */
export interface PostgresDescription {
  version: string;
  /** Names, in order; empty when its tables are up to date. */
  pendingMigrations: string[];
  /** Of all its users. */
  connections: number;
  connectionsMax: number;
  /** Whether it writes to the disk before it answers: `synchronous_commit` and `fsync` are not off. */
  isDurable: boolean;
  /** Milliseconds that its clock is ahead of this machine's. */
  clockAheadMs: number;
}

/**
 * The server and what is to be done in it, for an operator; changes nothing. Throws `HISTORY_UNAVAILABLE` when it does not
 * answer within five seconds or refuses the login, `HISTORY_TOO_NEW` when a newer version has changed its tables.
 */
export async function describePostgres({ url }: { url: string }): Promise<PostgresDescription> {
  const db = openDatabase({ url, poolMax: 1 }, POOL_LIMITS);
  try {
    await waitForPostgres(db, { url, waitMs: WAIT_MS });
    const askedAt = Date.now();
    const { rows } = await sql<Row>`
      select
        current_setting('server_version') as version,
        (select count(*)::int from pg_stat_activity where datid is not null) as connections,
        current_setting('max_connections')::int as "connectionsMax",
        current_setting('synchronous_commit') <> 'off' and current_setting('fsync') = 'on' as "isDurable",
        (extract(epoch from clock_timestamp()) * 1000)::float8 as "at"`.execute(db);
    const [row] = rows;
    if (row === undefined) throw new TypeError('a select without from has one row');
    const { at, ...server } = row;
    const clockAheadMs = Math.round(at - (askedAt + Date.now()) / 2);
    return { ...server, clockAheadMs, pendingMigrations: await pendingMigrations(db) };
  } finally {
    await db.destroy();
  }
}

interface Row {
  version: string;
  connections: number;
  connectionsMax: number;
  isDurable: boolean;
  at: number;
}
