import { randomUUID } from 'node:crypto';
import { DEFAULT_ENV_ID } from '@perdure/domain';
import { anEvent, startTcpProxy, type TcpProxy } from '@perdure/testing';
import { startMortalService } from '@perdure/testing/services';
import { describeWithService } from '@perdure/testing/services/vitest';
import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import type { History, HistoryBatch } from '../../history.ts';
import { openedHistory, type OpenedHistory } from '../opened-history.ts';
import type { Tables } from '../sql/tables.ts';
import { connectPostgres, openPostgresHistory, type PostgresHistoryOptions } from './postgres-history.ts';

const SOON = { timeout: 25_000, interval: 20 };

function aBatch(): HistoryBatch {
  return { events: [{ event: anEvent(), envId: DEFAULT_ENV_ID, streamSeq: 1 }] };
}

/** How a call ended, and after how many seconds. */
async function outcomeOf(call: Promise<unknown>): Promise<{ code: string; seconds: number }> {
  const startedAt = performance.now();
  const code = await call.then(
    () => 'ok',
    (error: { code: string }) => error.code,
  );
  return { code, seconds: (performance.now() - startedAt) / 1_000 };
}

async function records(history: History): Promise<void> {
  await expect.poll(async () => (await outcomeOf(history.record(aBatch()))).code, SOON).toBe('ok');
}

describeWithService('postgres', 'faults of history', ({ url: serverUrl }) => {
  let admin: Kysely<Tables>;
  let url: string;

  beforeAll(async () => {
    admin = await connectPostgres({ url: serverUrl, poolMax: 1 });
    const name = `history_${randomUUID().replaceAll('-', '')}`;
    await sql`create database ${sql.ref(name)}`.execute(admin);
    url = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
    await (await openPostgresHistory({ url, poolMax: 1 })).close();
  });

  afterAll(() => admin.destroy());

  async function throughProxy(
    options: Partial<PostgresHistoryOptions> = {},
  ): Promise<OpenedHistory & { proxy: TcpProxy }> {
    const proxy = await startTcpProxy({ to: url });
    onTestFinished(() => proxy.stop());
    const opened = await openPostgresHistory({ url: proxy.through(url), poolMax: 2, ...options });
    onTestFinished(() => opened.close());
    return { ...opened, proxy };
  }

  test('with a server that is half there, every call fails in about ten seconds, and works when it is back', async () => {
    const { history, registry, proxy } = await throughProxy();
    await history.record(aBatch());

    proxy.halfOpen();
    const outcomes = await Promise.all([
      outcomeOf(history.record(aBatch())),
      outcomeOf(history.ping()),
      outcomeOf(history.listEvents({ envId: DEFAULT_ENV_ID, eventsMax: 1 })),
      outcomeOf(registry.removeApp(DEFAULT_ENV_ID, 'http://nowhere')),
      outcomeOf(history.deleteOlderThan(0, 10)),
    ]);

    for (const { code, seconds } of outcomes) {
      expect(code).toBe('HISTORY_UNAVAILABLE');
      expect(seconds).toBeLessThan(13);
    }
    await proxy.heal();
    await records(history);
  });

  test('a batch whose answer was lost is recorded again, and is there once', async () => {
    const proxy = await startTcpProxy({ to: url });
    onTestFinished(() => proxy.stop());
    const limits = { connectMs: 1_000, statementMs: 1_000 };
    const db = await connectPostgres({ url: proxy.through(url), poolMax: 1 }, limits);
    const { history } = openedHistory(db);
    onTestFinished(() => history.close());
    const direct = await openPostgresHistory({ url, poolMax: 1 });
    onTestFinished(() => direct.close());
    const event = anEvent();
    const batch = { events: [{ event, envId: 'lost-answers', streamSeq: 1 }] };

    proxy.halfOpen('down');
    expect((await outcomeOf(history.record(batch))).code).toBe('HISTORY_UNAVAILABLE');
    await expect.poll(() => direct.history.findEvent(event.internalId), SOON).toBeDefined();
    await proxy.heal();
    await history.record(batch);

    expect(await direct.history.listEvents({ envId: 'lost-answers', eventsMax: 10 })).toEqual(batch.events);
  });

  test('closing does not wait for a server that does not answer', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    const { history, proxy } = await throughProxy();
    await history.record(aBatch());
    const before = sockets();
    proxy.halfOpen();

    const { code, seconds } = await outcomeOf(history.close());

    expect(code).toBe('ok');
    expect(seconds).toBeLessThan(5);
    // The proxy has noticed nothing: it is the pool that let go.
    expect(proxy.connectionCount).toBe(1);
    await expect.poll(sockets, SOON).toBe(before - 1);
  });

  test('a server that is gone is reported at once, and connected to again by itself', async () => {
    const { history, proxy } = await throughProxy();
    await history.record(aBatch());

    await proxy.refuse();
    const outcomes = await Promise.all([1, 2, 3].map(() => outcomeOf(history.record(aBatch()))));
    for (const { code } of outcomes) expect(code).toBe('HISTORY_UNAVAILABLE');

    await proxy.heal();
    await records(history);
  });

  test('a statement that waits for another one is given up by the server, and the connection goes on', async () => {
    const blocker = await connectPostgres({ url, poolMax: 1 });
    onTestFinished(() => blocker.destroy());
    const waiting = await connectPostgres({ url, poolMax: 1 }, { connectMs: 5_000, statementMs: 1_000 });
    onTestFinished(() => waiting.destroy());
    const pidOf = async () =>
      (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(waiting)).rows[0]?.pid;
    const pid = await pidOf();

    await blocker.transaction().execute(async (tx) => {
      await sql`lock table runs in access exclusive mode`.execute(tx);
      const failing = waiting.selectFrom('runs').select('run_id').execute();
      await expect(failing).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE', facts: { sqlState: '57014' } });
    });

    expect(await pidOf()).toBe(pid);
  });

  test('who waits for a connection too long is told', async () => {
    const busy = await connectPostgres({ url, poolMax: 1 }, { connectMs: 200, statementMs: 10_000 });
    onTestFinished(() => busy.destroy());

    await busy.connection().execute(async (connection) => {
      await sql`select 1`.execute(connection);
      await expect(sql`select 1`.execute(busy)).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
    });

    await sql`select 1`.execute(busy);
  });

  test('a login that is refused is said at once, in a sentence that holds no password', async () => {
    const other = Object.assign(new URL(url), { username: 'stranger', password: 's3cret-pass' }).href;

    const failure = await openPostgresHistory({ url: other, poolMax: 1 }).catch((error: unknown) => error);

    expect(failure).toMatchObject({
      code: 'HISTORY_UNAVAILABLE',
      message: expect.stringMatching(/^Postgres at 127\.0\.0\.1:\d+ cannot be used: .*"stranger"/),
    });
    expect(JSON.stringify(failure) + String(failure)).not.toContain('s3cret-pass');
  });

  test('a database that is not there is said at once', async () => {
    const none = Object.assign(new URL(url), { pathname: '/no_such_database' }).href;

    await expect(openPostgresHistory({ url: none, poolMax: 1 })).rejects.toThrow(/"no_such_database" does not exist/);
  });

  test.each(['not a URL, with s3cret-pass', 'mysql://root:s3cret-pass@db/history'])('%s is refused', async (wrong) => {
    const failure = await openPostgresHistory({ url: wrong, poolMax: 1 }).catch((error: unknown) => error);

    expect(String(failure)).toMatch(/the URL of Postgres must have the form/);
    expect(JSON.stringify(failure) + String(failure)).not.toContain('s3cret-pass');
  });

  test('opening waits for a server that comes, and says so once', async () => {
    const proxy = await startTcpProxy({ to: url });
    onTestFinished(() => proxy.stop());
    await proxy.refuse();
    const waiting = Promise.withResolvers<string>();
    let reasons = 0;

    const opening = openPostgresHistory({
      url: proxy.through(url),
      poolMax: 1,
      onWaiting: (reason) => {
        reasons++;
        waiting.resolve(reason);
      },
    });
    expect(await waiting.promise).toMatch(/^Postgres at 127\.0\.0\.1:\d+ does not answer yet: .*ECONNREFUSED/);
    await proxy.heal();

    await (await opening).close();
    expect(reasons).toBe(1);
  });

  test('opening gives up after a while, with one sentence', async () => {
    const proxy = await startTcpProxy({ to: url });
    onTestFinished(() => proxy.stop());
    proxy.halfOpen();

    const opening = openPostgresHistory({ url: proxy.through(url), poolMax: 1, waitMs: 1_000 });

    await expect(opening).rejects.toThrow(/^Postgres at 127\.0\.0\.1:\d+ did not answer within 1 s: /);
  });
});

test('a server that is killed and started again has all that was recorded, and is used again', async () => {
  const postgres = await startMortalService('postgres');
  if (postgres.kind === 'unavailable') throw new Error(postgres.reason);
  onTestFinished(() => postgres.stop());
  const { history } = await openPostgresHistory({ url: postgres.url, poolMax: 2 });
  onTestFinished(() => history.close());
  const before = aBatch();
  await history.record(before);

  await postgres.kill();
  expect((await outcomeOf(history.record(aBatch()))).code).toBe('HISTORY_UNAVAILABLE');
  await postgres.start();
  await records(history);

  await history.record(before);
  const listed = await history.listEvents({ envId: DEFAULT_ENV_ID, eventsMax: 100 });
  expect(listed.filter(({ event }) => event.internalId === before.events?.[0]?.event.internalId)).toEqual(
    before.events,
  );
});
