import { randomUUID } from 'node:crypto';
import { DEFAULT_ENV_ID } from '@perdure/domain';
import { anEvent } from '@perdure/testing';
import { describeWithService } from '@perdure/testing/services/vitest';
import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { describeHistory } from '../../history.contract.ts';
import type { EventRecord, HistoryBatch, RunHistory } from '../../history.ts';
import { describeRegistry } from '../../registry.contract.ts';
import { describeSweeps } from '../../sweeps.contract.ts';
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
  describeSweeps('postgres', () => emptyHistory(db));

  test('processes that record the same at once, in opposite orders, do not wait for each other in a circle', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => openPostgresHistory({ url, poolMax: 1 })));
    const recordAtOnce = (batches: HistoryBatch[]) =>
      Promise.all(opened.map(({ history }, index) => history.record(batches[index] ?? {})));
    const at = Date.now();
    const aStoredRun = (index: number): RunHistory => ({
      runId: `run-${randomUUID()}`,
      functionId: 'f',
      functionVersion: 1,
      appId: 'a',
      envId: DEFAULT_ENV_ID,
      status: 'Scheduled',
      eventIds: [`event-${index}`, `event-${index + 1}`],
      scheduledAt: at,
    });

    for (let round = 0; round < 4; round++) {
      const runs = Array.from({ length: 1_000 }, (_, index) => aStoredRun(index));
      const events = runs.map((): EventRecord => ({ event: anEvent(), envId: DEFAULT_ENV_ID, streamSeq: round }));
      const forth: HistoryBatch = { events, runs };
      const back: HistoryBatch = { events: events.toReversed(), runs: runs.toReversed() };
      const ended = runs.map((run): RunHistory => ({ ...run, status: 'Completed', endedAt: at }));

      await expect(recordAtOnce([forth, back, forth])).resolves.toBeDefined();
      await expect(recordAtOnce([{ runs: ended }, { runs: ended.toReversed() }, back])).resolves.toBeDefined();
    }

    await Promise.all(opened.map((each) => each.close()));
  });

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
