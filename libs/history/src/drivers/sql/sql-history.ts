import type { EpochMs, EventId, RunId } from '@perdure/domain';
import { sql, type Kysely } from 'kysely';

import type {
  EventOutcomeRecord,
  EventRecord,
  History,
  HistoryBatch,
  RunHistory,
  UnfinishedRuns,
} from '../../history.ts';
import { deleteEvents, deleteRuns } from './delete-old.ts';
import { eventOfRow, outcomeOfRow } from './event-rows.ts';
import { listEventRows, type EventsQuery } from './list-events.ts';
import { listUnfinishedRuns, type UnfinishedRunsQuery } from './list-unfinished-runs.ts';
import { recordBatch } from './record-batch.ts';
import { runOfRow } from './run-rows.ts';
import type { Tables } from './tables.ts';

export interface HistoryHooks {
  /** Closes the database, which is up to whoever opened it. */
  close: () => Promise<void>;
  /** Told about how many rows were written or deleted. */
  changed?: (rows: number) => void;
}

/** History in any Postgres. */
export class SqlHistory implements History {
  readonly #db: Kysely<Tables>;
  readonly #on: HistoryHooks;

  constructor(db: Kysely<Tables>, on: HistoryHooks) {
    this.#db = db;
    this.#on = on;
  }

  async record(batch: HistoryBatch): Promise<void> {
    const rows = await recordBatch(this.#db, batch);
    this.#on.changed?.(rows);
  }

  async findEvent(eventId: EventId): Promise<EventRecord | undefined> {
    const row = await this.#db
      .selectFrom('events')
      .selectAll()
      .where('internal_id', '=', eventId)
      .orderBy('stream_seq')
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? undefined : eventOfRow(row);
  }

  async listEvents(query: EventsQuery): Promise<EventRecord[]> {
    return (await listEventRows(this.#db, query)).map(eventOfRow);
  }

  async listRunsOfEvent(eventId: EventId): Promise<RunHistory[]> {
    const rows = await this.#db
      .selectFrom('run_events')
      .innerJoin('runs', 'runs.run_id', 'run_events.run_id')
      .selectAll('runs')
      .where('run_events.event_id', '=', eventId)
      .orderBy('runs.run_id')
      .execute();
    return rows.map(runOfRow).filter((run) => run !== undefined);
  }

  async findRun(runId: RunId): Promise<RunHistory | undefined> {
    const row = await this.#db.selectFrom('runs').selectAll().where('run_id', '=', runId).executeTakeFirst();
    return row === undefined ? undefined : runOfRow(row);
  }

  async listOutcomes(eventId: EventId): Promise<EventOutcomeRecord[]> {
    const rows = await this.#db
      .selectFrom('event_outcomes')
      .selectAll()
      .where('event_id', '=', eventId)
      .orderBy('function_id')
      .execute();
    return rows.map(outcomeOfRow);
  }

  async deleteOlderThan(at: EpochMs, rowsMax: number): Promise<number> {
    const events = await deleteEvents(this.#db, at, rowsMax);
    const runs = events < rowsMax ? await deleteRuns(this.#db, at, rowsMax - events) : 0;
    this.#on.changed?.(events + runs);
    return events + runs;
  }

  listUnfinishedRuns(query: UnfinishedRunsQuery): Promise<UnfinishedRuns> {
    return listUnfinishedRuns(this.#db, query);
  }

  async ping(): Promise<void> {
    await sql`select 1`.execute(this.#db);
  }

  close(): Promise<void> {
    return this.#on.close();
  }
}
