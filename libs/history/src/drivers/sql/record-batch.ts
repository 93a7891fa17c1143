import { sql, type Kysely, type RawBuilder } from 'kysely';

import type { HistoryBatch } from '../../history.ts';
import { rowsOfBatch, type StatementRows } from './batch-rows.ts';
import { recordMetadata, recordSpans } from './told-rows.ts';
import type { Tables } from './tables.ts';

/**
 * Stores a batch all or nothing; answers how many rows it had. It takes one statement, and thus one round trip; only a
 * batch of many megabytes takes more, in a transaction. The rows travel as one JSON text a table: the statement is the
 * same for every number of rows, and nothing is copied value by value on the way to a thread. `unnest` of an array a
 * column and long lists of values were as fast (PGlite takes 13 to 17 ms of CPU for 500 events with each).
 */
export async function recordBatch(db: Kysely<Tables>, batch: HistoryBatch): Promise<number> {
  const statements = rowsOfBatch(batch);
  const { metadata = [], spans = [] } = batch;
  const [only] = statements;
  if (statements.length === 1 && only !== undefined && metadata.length + spans.length === 0) {
    await recordRows(db, only);
  } else if (statements.length + metadata.length + spans.length > 0) {
    await db.transaction().execute(async (tx) => {
      for (const rows of statements) await recordRows(tx, rows);
      await recordMetadata(tx, metadata);
      await recordSpans(tx, spans);
    });
  }
  const rows = statements.reduce((sum, each) => sum + each.events.length + each.outcomes.length + each.runs.length, 0);
  return rows + metadata.length + spans.length;
}

async function recordRows(db: Kysely<Tables>, { events, outcomes, runs }: StatementRows): Promise<void> {
  await sql`with
    new_events as (${insertEvents(events)}),
    new_outcomes as (${upsertOutcomes(outcomes)}),
    batch_runs as materialized (${runsOfBatch(runs)}),
    new_runs as (${upsertRuns()}),
    new_memos as (${insertMemos()})
    ${insertRunEvents()}`.execute(db);
}

function jsonArray(rows: string[]): string {
  return `[${rows.join(',')}]`;
}

function insertEvents(rows: string[]): RawBuilder<unknown> {
  return sql`
    insert into events
      (internal_id, stream_seq, env_id, name, external_id, ts, received_at, data, user_data, v, meta,
       is_stray)
    select internal_id, stream_seq, env_id, name, external_id, ts, received_at,
      data::json, user_data::json, v, meta::json, is_stray
    from json_to_recordset(${jsonArray(rows)}::json) as event (
      internal_id text, stream_seq bigint, env_id text, name text, external_id text, ts bigint, received_at bigint,
      data text, user_data text, v text, meta text, is_stray boolean)
    on conflict do nothing`;
}

function upsertOutcomes(rows: string[]): RawBuilder<unknown> {
  return sql`
    insert into event_outcomes (event_id, function_id, kind, run_id, message, at)
    select event_id, function_id, kind, run_id, message, at
    from json_to_recordset(${jsonArray(rows)}::json) as outcome (
      event_id text, function_id text, kind text, run_id text, message text, at bigint)
    on conflict (event_id, function_id) do update
    set kind = excluded.kind, run_id = excluded.run_id, message = excluded.message, at = excluded.at
    where excluded.at > event_outcomes.at`;
}

function runsOfBatch(rows: string[]): RawBuilder<unknown> {
  return sql`
    select * from json_to_recordset(${jsonArray(rows)}::json) as run (
      run_id text, function_id text, function_version integer, app_id text, env_id text, status text,
      skip_reason text, event_ids text[], batch_id text, cron text, original_run_id text, scheduled_at bigint,
      started_at bigint, ended_at bigint, output text, reason text, memos text)`;
}

const RUN_COLUMNS = [
  'function_id',
  'function_version',
  'app_id',
  'env_id',
  'status',
  'skip_reason',
  'event_ids',
  'batch_id',
  'cron',
  'original_run_id',
  'scheduled_at',
  'ended_at',
  'output',
  'reason',
] as const;

/** `mergeRows` for rows that are stored already. A row that would stay as it is is not written again. */
function upsertRuns(): RawBuilder<unknown> {
  const columns = sql.join(['run_id', 'started_at', ...RUN_COLUMNS].map((name) => sql.ref(name)));
  const isFurther = sql`${progressOf('excluded.status')} > ${progressOf('runs.status')}`;
  const merged = RUN_COLUMNS.map((name) => {
    const [stored, excluded] = [sql.ref(`runs.${name}`), sql.ref(`excluded.${name}`)];
    return sql`${sql.ref(name)} = case when ${isFurther}
      then coalesce(${excluded}, ${stored}) else coalesce(${stored}, ${excluded}) end`;
  });
  return sql`
    insert into runs (${columns}) select ${columns} from batch_runs
    on conflict (run_id) do update
    set started_at = least(runs.started_at, excluded.started_at), ${sql.join(merged)}
    where ${isFurther}
      or (runs.scheduled_at is null and excluded.scheduled_at is not null)
      or least(runs.started_at, excluded.started_at) is distinct from runs.started_at`;
}

function progressOf(column: string): RawBuilder<number> {
  return sql`case ${sql.ref(column)} when 'Scheduled' then 0 when 'Running' then 1 else 2 end`;
}

/** A run ends once: whatever else tells its end tells the same. */
function insertMemos(): RawBuilder<unknown> {
  return sql`
    insert into run_memos (run_id, memos) select run_id, memos from batch_runs where memos is not null
    on conflict do nothing`;
}

function insertRunEvents(): RawBuilder<unknown> {
  return sql`
    insert into run_events (event_id, run_id)
    select event_id, run_id from batch_runs cross join unnest(event_ids) as event_id
    on conflict do nothing`;
}
