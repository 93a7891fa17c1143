import { encodeUlid, type EnvId, type EpochMs, type EventId, type RunId } from '@perdure/domain';
import { sql, type Kysely } from 'kysely';

import type { EventOutcomeRecord, EventRecord, History, HistoryBatch, RunHistory } from '../../history.ts';
import { eventOfRow, outcomeOfRow } from './event-rows.ts';
import { recordBatch } from './record-batch.ts';
import { runOfRow } from './run-rows.ts';
import type { Tables } from './tables.ts';

/** History in any Postgres. Closing the database is up to whoever opened it. */
export class SqlHistory implements History {
  readonly #db: Kysely<Tables>;
  readonly #close: () => Promise<void>;

  constructor(db: Kysely<Tables>, close: () => Promise<void>) {
    this.#db = db;
    this.#close = close;
  }

  record(batch: HistoryBatch): Promise<void> {
    return recordBatch(this.#db, batch);
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

  async listEvents(query: {
    envId: EnvId;
    name?: string;
    receivedAfter?: EpochMs;
    receivedBefore?: EpochMs;
    before?: EventId;
    eventsMax: number;
  }): Promise<EventRecord[]> {
    const { envId, name, receivedAfter, receivedBefore, before, eventsMax } = query;
    const rows = await this.#db
      .selectFrom('events')
      .selectAll()
      .where('env_id', '=', envId)
      .$if(name === undefined, (select) => select.where('name', 'not like', 'inngest/%'))
      .$if(name !== undefined, (select) => select.where('name', '=', name ?? ''))
      .$if(receivedAfter !== undefined, (select) => select.where('received_at', '>', receivedAfter ?? 0))
      .$if(receivedBefore !== undefined, (select) => select.where('received_at', '<', receivedBefore ?? 0))
      .$if(before !== undefined, (select) => select.where('internal_id', '<', before ?? ''))
      .orderBy('internal_id', 'desc')
      .orderBy('stream_seq', 'desc')
      .limit(eventsMax)
      .execute();
    return rows.map(eventOfRow);
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
    return events + runs;
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/**
 * The oldest come first along the primary key; the bound ends the scan at the first ID made after `at`. (An event whose
 * sender gave a seed of the future goes later than others.)
 */
async function deleteEvents(db: Kysely<Tables>, at: EpochMs, rowsMax: number): Promise<number> {
  const { rows } = await sql`
    with
      doomed as (
        select internal_id, stream_seq from events
        where internal_id < ${firstUlidOf(at)} and received_at < ${at}
        order by internal_id limit ${rowsMax}),
      gone_outcomes as (
        delete from event_outcomes using doomed where event_outcomes.event_id = doomed.internal_id)
    delete from events using doomed
    where events.internal_id = doomed.internal_id and events.stream_seq = doomed.stream_seq
    returning 1`.execute(db);
  return rows.length;
}

/** Runs that have not ended stay; of a run that is only known to have started, the start decides. */
async function deleteRuns(db: Kysely<Tables>, at: EpochMs, rowsMax: number): Promise<number> {
  const { rows } = await sql`
    with
      doomed as (
        select run_id from runs
        where run_id < ${firstUlidOf(at)}
          and case when scheduled_at is null then started_at else ended_at end < ${at}
        order by run_id limit ${rowsMax}),
      gone_events as (
        delete from run_events using doomed where run_events.run_id = doomed.run_id)
    delete from runs using doomed where runs.run_id = doomed.run_id
    returning 1`.execute(db);
  return rows.length;
}

function firstUlidOf(at: EpochMs): string {
  return encodeUlid(Math.max(0, Math.floor(at)), new Uint8Array(10));
}
