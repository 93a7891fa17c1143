import type { EpochMs, EventId, FunctionId, RunId, RunStatus } from '@perdure/domain';
import { sql, type Kysely } from 'kysely';

import type {
  EventOutcomeRecord,
  EventRecord,
  History,
  HistoryBatch,
  MetadataRecord,
  RunHistory,
  SpanRecord,
  UnfinishedRuns,
} from '../../history.ts';
import { deleteEvents, deleteRuns, deleteSpans } from './delete-old.ts';
import { eventOfRow, outcomeOfRow, runIdsScheduledBetween } from './event-rows.ts';
import { listEventRows, type EventsQuery } from './list-events.ts';
import { listUnfinishedRuns, type UnfinishedRunsQuery } from './list-unfinished-runs.ts';
import { recordBatch } from './record-batch.ts';
import { runOfRow } from './run-rows.ts';
import type { Tables } from './tables.ts';
import { countMetadataBytes, listMetadata, listSpans } from './told-rows.ts';

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

  async findMemos(runId: RunId): Promise<string | undefined> {
    const row = await this.#db.selectFrom('run_memos').select('memos').where('run_id', '=', runId).executeTakeFirst();
    return row?.memos;
  }

  async listRunsOfFunction(query: {
    functionId: FunctionId;
    statuses: RunStatus[];
    scheduledFrom: EpochMs;
    scheduledUntil: EpochMs;
    cursor?: RunId;
    runsMax: number;
  }): Promise<RunHistory[]> {
    const { functionId, statuses, scheduledFrom, scheduledUntil, cursor, runsMax } = query;
    const ids = runIdsScheduledBetween(scheduledFrom, scheduledUntil);
    const rows = await this.#db
      .selectFrom('runs')
      .selectAll()
      .where('function_id', '=', functionId)
      .where('run_id', '>=', ids.from)
      .where('run_id', '<', ids.until)
      .where('scheduled_at', '>=', scheduledFrom)
      .where('scheduled_at', '<', scheduledUntil)
      .$if(cursor !== undefined, (select) => select.where('run_id', '>', cursor ?? ''))
      .where('status', 'in', statuses)
      .orderBy('run_id')
      .limit(runsMax)
      .execute();
    return rows.map(runOfRow).filter((run) => run !== undefined);
  }

  listMetadata(runId: RunId): Promise<MetadataRecord[]> {
    return listMetadata(this.#db, runId);
  }

  countMetadataBytes(runId: RunId): Promise<number> {
    return countMetadataBytes(this.#db, runId);
  }

  listSpans(runId: RunId): Promise<SpanRecord[]> {
    return listSpans(this.#db, runId);
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
    const spans = events + runs < rowsMax ? await deleteSpans(this.#db, at, rowsMax - events - runs) : 0;
    this.#on.changed?.(events + runs + spans);
    return events + runs + spans;
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
