import { sql, type Kysely } from 'kysely';

/** Events with their outcomes, runs, and what applications registered. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // IDs and names compare bytewise: ULIDs sort by time, and indexes serve prefixes whatever the server's locale is.
  await sql`create domain ascii_id as text collate "C"`.execute(db);

  // A sender that repeats a seeded request gives the same IDs again, and both receipts are listed (http-api.md 2.1): the
  // position in the stream tells receipts from redeliveries.
  await sql`
    create table events (
      internal_id ascii_id not null,
      stream_seq bigint not null,
      env_id ascii_id not null,
      name text collate "C" not null,
      external_id text,
      ts bigint not null,
      received_at bigint not null,
      -- json, not jsonb: kept byte for byte, and escaped zero characters are allowed
      data json not null,
      user_data json,
      v text,
      meta json,
      -- the sender seeded the ID with a time far from the time of receipt
      is_stray boolean not null,
      primary key (internal_id, stream_seq)
    )`.execute(db);
  await sql`create index events_by_name on events (env_id, name, internal_id)`.execute(db);
  // Lists are ordered by ID and limited by time of receipt: the one bounds the other, but for strays, which are few.
  await sql`create index events_stray on events (received_at) where is_stray`.execute(db);

  await sql`
    create table event_outcomes (
      event_id ascii_id not null,
      function_id ascii_id not null,
      kind text not null,
      run_id ascii_id,
      message text,
      at bigint not null,
      primary key (event_id, function_id)
    )`.execute(db);

  // Nearly everything may be missing: that a run started may be recorded before the run is.
  await sql`
    create table runs (
      run_id ascii_id primary key,
      function_id ascii_id,
      function_version integer,
      app_id ascii_id,
      env_id ascii_id,
      status text not null,
      skip_reason text,
      event_ids text[],
      batch_id ascii_id,
      cron text,
      original_run_id ascii_id,
      scheduled_at bigint,
      started_at bigint,
      ended_at bigint,
      -- text: whatever an application answered must be stored, valid JSON or not
      output text,
      reason text
    )`.execute(db);

  // A batch has many events: looked up from the event's side here, read from the run's side in runs.event_ids.
  await sql`
    create table run_events (
      event_id ascii_id not null,
      run_id ascii_id not null,
      primary key (event_id, run_id)
    )`.execute(db);
  await sql`create index run_events_by_run on run_events (run_id)`.execute(db);

  await sql`
    create table apps (
      env_id ascii_id not null,
      app_id ascii_id not null,
      name text not null,
      url text not null,
      sdk text not null,
      framework text,
      app_version text,
      checksum text not null,
      synced_at bigint not null,
      error_code text,
      error_message text,
      primary key (env_id, app_id)
    )`.execute(db);

  // IDs of functions derive from app and slug and are thus the same in every environment.
  await sql`
    create table functions (
      env_id ascii_id not null,
      function_id ascii_id not null,
      app_id ascii_id not null,
      slug text not null,
      version integer not null,
      archived_at bigint,
      primary key (env_id, function_id)
    )`.execute(db);
  await sql`create index functions_by_app on functions (env_id, app_id)`.execute(db);

  await sql`
    create table function_versions (
      env_id ascii_id not null,
      function_id ascii_id not null,
      version integer not null,
      definition json not null,
      created_at bigint not null,
      primary key (env_id, function_id, version)
    )`.execute(db);

  // One row: what caches of the registry compare, and what writers of the registry lock.
  await sql`create table registry_revision (id integer primary key check (id = 1), revision bigint not null)`.execute(
    db,
  );
  await sql`insert into registry_revision (id, revision) values (1, 0)`.execute(db);
}
