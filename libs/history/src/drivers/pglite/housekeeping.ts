import { sql, type Kysely } from 'kysely';

import type { Tables } from '../sql/tables.ts';

/** Postgres's own defaults: a fifth of the table, and never for a handful of rows. */
const CHANGED_SHARE = 0.2;
const CHANGED_ROWS_MIN = 2_000;

/**
 * Vacuums and analyses as changes accumulate: in PGlite there is no process that does it by itself. Without statistics
 * the planner takes a list of the newest events for a scan and a sort of all of them (130 ms instead of 2 for 60,000
 * events), and without a vacuum deleted rows keep their place.
 */
export class Housekeeping {
  readonly #db: Kysely<Tables>;
  #changedRows = 0;
  #changedRowsMax = CHANGED_ROWS_MIN;
  #running: Promise<void> | undefined;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  changed(rows: number): void {
    this.#changedRows += rows;
    if (this.#running !== undefined || this.#changedRows < this.#changedRowsMax) return;
    this.#changedRows = 0;
    this.#running = this.#clean()
      // What it could not do now it does after as many changes more; whoever records is told about the database itself.
      .catch(() => {
        this.#changedRowsMax = CHANGED_ROWS_MIN;
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when nothing is running. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #clean(): Promise<void> {
    await sql`vacuum (analyze) events, event_outcomes, runs, run_events`.execute(this.#db);
    const { rows } = await sql<{ total: number }>`
      select sum(greatest(reltuples, 0))::float8 as total from pg_class
      where relname in ('events', 'event_outcomes', 'runs', 'run_events')`.execute(this.#db);
    this.#changedRowsMax = Math.max(CHANGED_ROWS_MIN, CHANGED_SHARE * (rows[0]?.total ?? 0));
  }
}
