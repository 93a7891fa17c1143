import { setTimeout as delay } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';

import { HistoryError } from '../../history-error.ts';
import { reasonOf } from '../sql/statement-error.ts';

const RETRY_MS = 500;
/** SQLSTATE classes that waiting does not change: who may log in, and to which database. */
const IS_SETTLED = /^(28|3D)/;

/**
 * Resolves when the database answers: it may be starting, as everything is when a whole deployment starts. Throws one
 * sentence that names the server, and never its password: at once when it refuses the login, else after `waitMs`.
 */
export async function waitForPostgres<T>(
  db: Kysely<T>,
  { url, waitMs, onWaiting }: { url: string; waitMs: number; onWaiting?: (reason: string) => void },
): Promise<void> {
  const server = serverOf(url);
  const until = performance.now() + waitMs;
  for (let attempt = 1; ; attempt++) {
    try {
      await sql`select 1`.execute(db);
      return;
    } catch (error) {
      const reason = reasonOf(error instanceof HistoryError ? error.cause : error);
      const sqlState = error instanceof HistoryError ? error.facts['sqlState'] : undefined;
      const facts = { server, sqlState, cause: error };
      if (typeof sqlState === 'string' && IS_SETTLED.test(sqlState)) {
        throw new HistoryError('HISTORY_UNAVAILABLE', `Postgres at ${server} cannot be used: ${reason}`, facts);
      }
      if (performance.now() + RETRY_MS > until) {
        const waited = `within ${Math.round(waitMs / 1_000)} s`;
        throw new HistoryError(
          'HISTORY_UNAVAILABLE',
          `Postgres at ${server} did not answer ${waited}: ${reason}`,
          facts,
        );
      }
      if (attempt === 1) onWaiting?.(`Postgres at ${server} does not answer yet: ${reason}`);
      await delay(RETRY_MS);
    }
  }
}

/** Host and port, which may be shown. Throws when the URL is none, without repeating it. */
export function serverOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    const expected = 'postgres://user:password@host:port/database';
    throw new HistoryError('HISTORY_UNAVAILABLE', `the URL of Postgres must have the form ${expected}`);
  }
  return parsed.host === '' ? (parsed.searchParams.get('host') ?? 'its default address') : parsed.host;
}
