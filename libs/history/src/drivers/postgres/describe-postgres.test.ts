import { randomUUID } from 'node:crypto';
import { describeWithService } from '@perdure/testing/services/vitest';
import { sql } from 'kysely';
import { expect, test } from 'vitest';

import { describePostgres } from './describe-postgres.ts';
import { migrateHistory, openDatabase } from './postgres-history.ts';
import { POOL_LIMITS } from './postgres-pool.ts';

describeWithService('postgres', 'the description of a server', ({ url }) => {
  /** A database without tables. */
  async function anEmptyDatabase(): Promise<string> {
    const name = `described_${randomUUID().replaceAll('-', '')}`;
    const admin = openDatabase({ url, poolMax: 1 }, POOL_LIMITS);
    await sql`create database ${sql.ref(name)}`.execute(admin);
    await admin.destroy();
    return Object.assign(new URL(url), { pathname: `/${name}` }).href;
  }

  test('says what is to be migrated, and migrates nothing', async () => {
    const empty = await anEmptyDatabase();

    const before = await describePostgres({ url: empty });
    const again = await describePostgres({ url: empty });
    const migrations = await migrateHistory({ url: empty });
    const after = await describePostgres({ url: empty });

    expect(before.pendingMigrations).toEqual(migrations);
    expect(again.pendingMigrations).toEqual(migrations);
    expect(after.pendingMigrations).toEqual([]);
  });

  test('says what the server is and how full', async () => {
    const described = await describePostgres({ url: await anEmptyDatabase() });

    expect(described).toMatchObject({
      version: expect.stringMatching(/^\d+/),
      connectionsMax: expect.any(Number),
      isDurable: expect.any(Boolean),
    });
    expect(described.connections).toBeGreaterThanOrEqual(1);
    expect(Math.abs(described.clockAheadMs)).toBeLessThan(5_000);
  });
});

test('a server that is not there is named, without the password', async () => {
  const described = describePostgres({ url: 'postgres://u:hunter2@127.0.0.1:1/x' });

  await expect(described).rejects.toMatchObject({
    code: 'HISTORY_UNAVAILABLE',
    message: expect.stringMatching(/^Postgres at 127\.0\.0\.1:1 did not answer within 5 s: (?!.*hunter2)/),
  });
});
