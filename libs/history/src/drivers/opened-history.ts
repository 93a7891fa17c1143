import type { Kysely } from 'kysely';

import type { History, Registry } from '../history.ts';
import type { Sweeps } from '../sweeps.ts';
import { SqlHistory, type HistoryHooks } from './sql/sql-history.ts';
import { SqlRegistry } from './sql/sql-registry.ts';
import { SqlSweeps } from './sql/sql-sweeps.ts';
import type { Tables } from './sql/tables.ts';

/** All ports share one database. */
export interface OpenedHistory {
  history: History;
  registry: Registry;
  sweeps: Sweeps;
  /** Repeating changes nothing; `history.close()` is the same. */
  close(): Promise<void>;
}

/** The ports over a migrated database, which they own. */
export function openedHistory(db: Kysely<Tables>, hooks: Partial<HistoryHooks> = {}): OpenedHistory {
  const close = hooks.close ?? ((): Promise<void> => db.destroy());
  return {
    history: new SqlHistory(db, { ...hooks, close }),
    registry: new SqlRegistry(db),
    sweeps: new SqlSweeps(db),
    close,
  };
}
