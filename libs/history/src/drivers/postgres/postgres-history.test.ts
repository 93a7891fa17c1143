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

  test('several processes may bring a new database up to date at once', async () => {
    const fresh = await createDatabase();

    const opened = await Promise.all([1, 2, 3, 4].map(() => openPostgresHistory({ url: fresh, poolMax: 2 })));

    expect(await opened[3]?.registry.revision()).toBe(0);
    await Promise.all(opened.map((each) => each.close()));
  });

  test('a statement that the server refuses is no reason to repeat it', async () => {
    const refused = sql`select * from no_such_table`.execute(db);

    await expect(refused).rejects.toMatchObject({ code: 'HISTORY_REJECTED' });
  });

  test('a connection that was cut costs one statement, the next one connects again', async () => {
    const opened = await openPostgresHistory({ url, poolMax: 1 });
    const pid = await sql<{ pid: number }>`select pid from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() order by backend_start desc limit 1`.execute(db);
    await sql`select pg_terminate_backend(${pid.rows[0]?.pid ?? 0})`.execute(db);

    const first = await opened.registry.revision().catch((error: unknown) => error);
    const second = await opened.registry.revision();

    expect(first === second || (first as { code?: string }).code === 'HISTORY_UNAVAILABLE').toBe(true);
    await opened.close();
  });
});

test('a server that is not there is reported as such', async () => {
  const opening = openPostgresHistory({ url: 'postgres://nobody@127.0.0.1:1/none', poolMax: 1 });

  await expect(opening).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
});
