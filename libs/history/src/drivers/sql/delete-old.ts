import type { EpochMs } from '@perdure/domain';
import { sql, type Kysely } from 'kysely';

import { firstUlidOf } from './event-rows.ts';
import type { Tables } from './tables.ts';

/**
 * Deletes events received before `at`, with their outcomes, oldest first along the primary key: the bound ends the scan
 * at the first ID made after `at`. Strays beyond it are looked up apart. Answers how many events.
 */
export async function deleteEvents(db: Kysely<Tables>, at: EpochMs, rowsMax: number): Promise<number> {
  const bound = firstUlidOf(at);
  const { rows } = await sql`
    with
      candidates as (
        (select internal_id, stream_seq from events
          where internal_id < ${bound} and received_at < ${at}
          order by internal_id limit ${rowsMax})
        union all
        (select internal_id, stream_seq from events
          where is_stray and internal_id >= ${bound} and received_at < ${at}
          limit ${rowsMax})),
      doomed as (select * from candidates limit ${rowsMax}),
      gone_outcomes as (
        delete from event_outcomes using doomed where event_outcomes.event_id = doomed.internal_id)
    delete from events using doomed
    where events.internal_id = doomed.internal_id and events.stream_seq = doomed.stream_seq
    returning 1`.execute(db);
  return rows.length;
}

/**
 * Deletes runs that ended before `at`, with their links to events; of a run that is only known to have started, the
 * start decides. A run that has not ended stays, however old. Answers how many runs.
 */
export async function deleteRuns(db: Kysely<Tables>, at: EpochMs, rowsMax: number): Promise<number> {
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
