import { sql, type Kysely } from 'kysely';

/** Limits that operators put in place of the registered ones. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Beside the registration, as the state is: no sync touches them. Null: never overridden. The revision stays when the
  // overrides go, so that the store can tell the older of two.
  await sql`alter table functions add column overrides json, add column overrides_revision integer`.execute(db);
}
