import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Tables } from '../sql/tables.ts';
import { Housekeeping } from './housekeeping.ts';
import { connectPglite } from './pglite-history.ts';

let db: Kysely<Tables>;

beforeAll(async () => {
  db = await connectPglite({});
});

afterAll(() => db.destroy());

/** What Postgres knows of the table's size: only vacuum and analyse tell it. */
async function knownRows(): Promise<number> {
  const { rows } = await sql<{ known: number }>`
    select greatest(reltuples, 0)::float8 as known from pg_class where relname = 'run_events'`.execute(db);
  return rows[0]?.known ?? 0;
}

async function insert(from: number, until: number): Promise<void> {
  await sql`insert into run_events (event_id, run_id)
    select 'event', 'run ' || n from generate_series(${from}::integer, ${until}::integer) as n`.execute(db);
}

test('statistics follow once enough has changed, and then once a fifth has', async () => {
  const housekeeping = new Housekeeping(db);
  await insert(1, 20_000);

  housekeeping.changed(1_999);
  await housekeeping.idle();
  expect(await knownRows()).toBe(0);

  housekeeping.changed(1);
  await housekeeping.idle();
  expect(await knownRows()).toBe(20_000);

  await insert(20_001, 24_000);
  housekeeping.changed(3_999);
  await housekeeping.idle();
  expect(await knownRows()).toBe(20_000);

  housekeeping.changed(1);
  await housekeeping.idle();
  expect(await knownRows()).toBe(24_000);
});
