import type { EpochMs } from '@perdure/domain';
import { sql, type Kysely } from 'kysely';

import { firstUlidOf } from './event-rows.ts';
import type { Tables } from './tables.ts';

/**
 * Deletes events received before `at`, with their outcomes, oldest first along the primary key: the bound ends the scan
 * at the first ID made after `at`. Strays beyond it are looked up apart. Rows that another process is deleting are
 * passed over. Answers how many events.
 */
export async function deleteEvents(db: Kysely<Tables>, at: EpochMs, rowsMax: number): Promise<number> {
  const bound = firstUlidOf(at);
  const { rows } = await sql`
    with
      usual as (
        select internal_id, stream_seq from events
        where internal_id < ${bound} and received_at < ${at}
        order by internal_id, stream_seq limit ${rowsMax} for update skip locked),
      strays as (
        select internal_id, stream_seq from events
        where is_stray and internal_id >= ${bound} and received_at < ${at}
        order by received_at limit ${rowsMax} for update skip locked),
      doomed as (select * from usual union all select * from strays limit ${rowsMax}),
      gone_outcomes as (
        delete from event_outcomes using doomed where event_outcomes.event_id = doomed.internal_id)
    delete from events using doomed
    where events.internal_id = doomed.internal_id and events.stream_seq = doomed.stream_seq
    returning 1`.execute(db);
  return rows.length;
}

/**
 * Deletes runs that ended before `at`, with their links to events, their memos and metadata; of a run that is only known to have started, the
 * start decides. A run that has not ended stays, however old. Rows that another process is deleting are passed over.
 * Answers how many runs.
 */
export async function deleteRuns(db: Kysely<Tables>, at: EpochMs, rowsMax: number): Promise<number> {
  const { rows } = await sql`
    with
      ended as (
        select run_id from runs where ended_at is not null and ended_at < ${at}
        order by ended_at limit ${rowsMax} for update skip locked),
      only_started as (
        select run_id from runs where scheduled_at is null and ended_at is null and started_at < ${at}
        order by started_at limit ${rowsMax} for update skip locked),
      doomed as (select * from ended union all select * from only_started limit ${rowsMax}),
      gone_events as (
        delete from run_events using doomed where run_events.run_id = doomed.run_id),
      gone_memos as (
        delete from run_memos using doomed where run_memos.run_id = doomed.run_id),
      gone_metadata as (
        delete from run_metadata using doomed where run_metadata.run_id = doomed.run_id)
    delete from runs using doomed where runs.run_id = doomed.run_id
    returning 1`.execute(db);
  return rows.length;
}

/** Deletes the user's own spans that came before `at`; they may belong to no run. Answers how many. */
export async function deleteSpans(db: Kysely<Tables>, at: EpochMs, rowsMax: number): Promise<number> {
  const { rows } = await sql`
    with doomed as (
      select trace_id, span_id from userland_spans where received_at < ${at}
      order by received_at limit ${rowsMax} for update skip locked)
    delete from userland_spans using doomed
    where userland_spans.trace_id = doomed.trace_id and userland_spans.span_id = doomed.span_id
    returning 1`.execute(db);
  return rows.length;
}
