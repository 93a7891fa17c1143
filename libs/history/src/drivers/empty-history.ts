import { sql, type Kysely } from 'kysely';

import { openedHistory, type OpenedHistory } from './opened-history.ts';
import type { Tables } from './sql/tables.ts';

/**
 * For contract suites: the ports over a database that stays open from case to case and is emptied in between. Opening
 * one for each case would take most of the suite's time.
 */
export async function emptyHistory(db: Kysely<Tables>): Promise<OpenedHistory> {
  await sql`truncate events, event_outcomes, runs, run_events, run_memos, run_metadata, userland_spans, sweeps,
    apps, functions, function_versions`.execute(db);
  await db.updateTable('registry_revision').set({ revision: 0 }).execute();
  return openedHistory(db, { close: () => Promise.resolve() });
}
