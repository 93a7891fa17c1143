import { sql, type Kysely } from 'kysely';

/** What reconciliation and retention look for, exactly: both would read ever more rows that they do not want. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index runs_unfinished on runs (scheduled_at, run_id)
    where status in ('Scheduled', 'Running') and scheduled_at is not null`.execute(db);
  await sql`create index runs_ended on runs (ended_at) where ended_at is not null`.execute(db);
  // Only their start was recorded: normally for a moment.
  await sql`create index runs_only_started on runs (started_at) where scheduled_at is null`.execute(db);
}
