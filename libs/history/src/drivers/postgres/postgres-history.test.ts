import { randomUUID } from 'node:crypto';
import { describeWithService } from '@perdure/testing/services/vitest';
import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { describeHistory } from '../../history.contract.ts';
import { describeRegistry } from '../../registry.contract.ts';
import { emptyHistory } from '../empty-history.ts';
import type { Tables } from '../sql/tables.ts';
import { connectPostgres, openPostgresHistory } from './postgres-history.ts';

describeWithService('postgres', 'history', (service) => {
  let admin: Kysely<Tables>;
  let db: Kysely<Tables>;
  let url: string;

  beforeAll(async () => {
    admin = await connectPostgres({ url: service.url, poolMax: 1 });
    url = await createDatabase();
    db = await connectPostgres({ url, poolMax: 4 });
  });

  afterAll(async () => {
    await db.destroy();
    await admin.destroy();
  });

  /** A database of its own for this file: the server is shared with others. */
  async function createDatabase(): Promise<string> {
    const name = `history_${randomUUID().replaceAll('-', '')}`;
    await sql`create database ${sql.ref(name)}`.execute(admin);
    return Object.assign(new URL(service.url), { pathname: `/${name}` }).href;
  }

  describeHistory('postgres', async () => (await emptyHistory(db)).history);
  describeRegistry('postgres', () => emptyHistory(db));

  test('what is wrong with the database, and not with what it was given, may be repeated', async () => {
    const failing = sql`select * from no_such_table`.execute(db);

    await expect(failing).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE', facts: { sqlState: '42P01' } });
  });

  async function cut(connection: Kysely<Tables>): Promise<void> {
    const { rows } = await sql<{ pid: number }>`select pid from pg_stat_activity
      where application_name = ${'cut me'}`.execute(connection);
    for (const { pid } of rows) await sql`select pg_terminate_backend(${pid}, 10000)`.execute(connection);
  }

  test('a connection that is cut while nobody uses it costs nothing', async () => {
    const lost = Promise.withResolvers<Error>();
    const single = await connectPostgres({
      url: `${url}?application_name=cut%20me`,
      poolMax: 1,
      onConnectionLost: lost.resolve,
    });

    await cut(db);
    await lost.promise;
    const next = await sql<{ one: number }>`select 1 as one`.execute(single);

    expect(next.rows).toEqual([{ one: 1 }]);
    await single.destroy();
  });

  test('a connection that is cut in use costs the statement, not the process, and the next one connects again', async () => {
    const single = await connectPostgres({ url: `${url}?application_name=cut%20me`, poolMax: 1 });
    const sleeping = sql`select pg_sleep(60)`.execute(single).catch((error: unknown) => error);

    await cut(db);
    const failure = await sleeping;
    const next = await sql<{ one: number }>`select 1 as one`.execute(single);

    expect(failure).toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
    expect(next.rows).toEqual([{ one: 1 }]);
    await single.destroy();
  });
});

test('a server that is not there is reported as such', async () => {
  const opening = openPostgresHistory({ url: 'postgres://nobody@127.0.0.1:1/none', poolMax: 1, waitMs: 0 });

  await expect(opening).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
});
