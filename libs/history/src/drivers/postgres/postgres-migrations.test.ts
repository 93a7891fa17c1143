import { randomUUID } from 'node:crypto';
import { DEFAULT_ENV_ID } from '@perdure/domain';
import { anEvent } from '@perdure/testing';
import { describeWithService } from '@perdure/testing/services/vitest';
import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { MIGRATIONS } from '../sql/migrate.ts';
import type { Tables } from '../sql/tables.ts';
import { connectPostgres, migrateHistory, openPostgresHistory } from './postgres-history.ts';

const ALL = Object.keys(MIGRATIONS);

describeWithService('postgres', 'migrations of history', (service) => {
  let admin: Kysely<Tables>;

  beforeAll(async () => {
    admin = await connectPostgres({ url: service.url, poolMax: 1 });
  });

  afterAll(() => admin.destroy());

  async function aDatabase(): Promise<string> {
    const name = `history_${randomUUID().replaceAll('-', '')}`;
    await sql`create database ${sql.ref(name)}`.execute(admin);
    return Object.assign(new URL(service.url), { pathname: `/${name}` }).href;
  }

  /** An event, stored by a statement that knows of the first migration only. */
  async function recordAsBefore(db: Kysely<Tables>): Promise<string> {
    const { internalId, receivedAt } = anEvent();
    await sql`
      insert into events (internal_id, stream_seq, env_id, name, ts, received_at, data, is_stray)
      values (${internalId}, 1, ${DEFAULT_ENV_ID}, 'a/b', ${receivedAt}, ${receivedAt}, '{}', false)`.execute(db);
    return internalId;
  }

  test('migrating tells what it did, and again that there was nothing to do', async () => {
    const url = await aDatabase();

    expect(await migrateHistory({ url })).toEqual(ALL);
    expect(await migrateHistory({ url })).toEqual([]);
  });

  test('of several processes that migrate at once, one does it', async () => {
    const url = await aDatabase();

    const applied = await Promise.all([1, 2, 3, 4].map(() => migrateHistory({ url })));

    expect(applied.flat()).toEqual(ALL);
  });

  test('several processes may open a new database at once', async () => {
    const url = await aDatabase();

    const opened = await Promise.all([1, 2, 3, 4].map(() => openPostgresHistory({ url, poolMax: 2 })));

    expect(await opened[3]?.registry.revision()).toBe(0);
    await Promise.all(opened.map((each) => each.close()));
  });

  test('processes that are running go on while a newer one migrates', async () => {
    const url = await aDatabase();
    const running = await connectPostgres({ url, poolMax: 2 });
    const db = await connectPostgres({ url, poolMax: 1 });
    // As the version before left it.
    await sql`drop index runs_unfinished, runs_ended, runs_only_started, runs_by_function`.execute(db);
    await sql`drop table run_memos, run_metadata, userland_spans, sweeps`.execute(db);
    await sql`alter table functions drop column state, drop column overrides, drop column overrides_revision`.execute(
      db,
    );
    await sql`delete from kysely_migration where name > ${'0002'}`.execute(db);
    const migrated = new AbortController();
    const recorded: string[] = [];

    const recording = (async () => {
      do {
        recorded.push(await recordAsBefore(running));
      } while (!migrated.signal.aborted);
    })();
    expect(await migrateHistory({ url })).toEqual(ALL.slice(1));
    migrated.abort();
    await recording;

    const stored = await db.selectFrom('events').select('internal_id').execute();
    expect(stored.map((row) => row.internal_id).toSorted()).toEqual(recorded.toSorted());
    await running.destroy();
    await db.destroy();
  });

  test('a database that a newer version has changed is refused in a sentence, and left as it is', async () => {
    const url = await aDatabase();
    await migrateHistory({ url });
    const db = await connectPostgres({ url, poolMax: 1 });
    await sql`insert into kysely_migration (name, timestamp) values ('9999-from-the-future', '2999-01-01T00:00:00Z')`.execute(
      db,
    );
    await db.destroy();
    const refusal = {
      code: 'HISTORY_TOO_NEW',
      message: 'the history database was changed by a newer version (9999-from-the-future): start that version',
    };

    await expect(openPostgresHistory({ url, poolMax: 1 })).rejects.toMatchObject(refusal);
    await expect(migrateHistory({ url })).rejects.toMatchObject(refusal);
  });

  test('a migration that fails changes nothing', async () => {
    const url = await aDatabase();
    const name = new URL(url).pathname.slice(1);
    const setReadOnly = (value: string) =>
      sql`alter database ${sql.ref(name)} set default_transaction_read_only = ${sql.raw(value)}`.execute(admin);

    await setReadOnly('on');
    await expect(migrateHistory({ url })).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
    await setReadOnly('off');

    expect(await migrateHistory({ url })).toEqual(ALL);
  });
});
