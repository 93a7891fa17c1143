import { sql, type Kysely } from 'kysely';

/** What people steer runs with, and what is kept of runs so that they can be run again. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // paused or drained; null: active. Beside the registration, whose checksum it has no part in.
  await sql`alter table functions add column state text`.execute(db);

  // Something done to many runs of one function, bit by bit: it goes on where it was when a process dies.
  await sql`
    create table sweeps (
      sweep_id ascii_id primary key,
      env_id ascii_id not null,
      kind text not null,
      function_id ascii_id not null,
      spec json not null,
      state text not null,
      cursor text,
      seen bigint not null,
      done bigint not null,
      failed bigint not null,
      created_at bigint not null,
      ended_at bigint
    )`.execute(db);
  await sql`create index sweeps_by_kind on sweeps (env_id, kind, sweep_id)`.execute(db);
  await sql`create index sweeps_open on sweeps (sweep_id) where state = 'open'`.execute(db);

  // Apart from runs, which are listed often: memos are wanted seldom and may be large.
  await sql`
    create table run_memos (
      run_id ascii_id primary key,
      -- text, not json: given back byte for byte, never looked into
      memos text not null
    )`.execute(db);
  await sql`create index runs_by_function on runs (function_id, run_id)`.execute(db);

  // A log of updates: merging them is repeatable in any order only when they are read.
  await sql`
    create table run_metadata (
      update_id ascii_id primary key,
      run_id ascii_id not null,
      target json not null,
      kind text not null,
      op text not null,
      metadata json not null,
      bytes integer not null,
      at bigint not null
    )`.execute(db);
  await sql`create index run_metadata_by_run on run_metadata (run_id, update_id)`.execute(db);

  await sql`
    create table userland_spans (
      trace_id ascii_id not null,
      span_id ascii_id not null,
      run_id ascii_id,
      span json not null,
      received_at bigint not null,
      primary key (trace_id, span_id)
    )`.execute(db);
  await sql`create index userland_spans_by_run on userland_spans (run_id) where run_id is not null`.execute(db);
  await sql`create index userland_spans_by_age on userland_spans (received_at)`.execute(db);
}
