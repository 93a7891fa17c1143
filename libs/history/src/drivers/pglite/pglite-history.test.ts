import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DEFAULT_ENV_ID } from '@perdure/domain';
import { anEvent } from '@perdure/testing';
import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { describeHistory } from '../../history.contract.ts';
import { describeRegistry } from '../../registry.contract.ts';
import { describeSweeps } from '../../sweeps.contract.ts';
import { emptyHistory } from '../empty-history.ts';
import type { Tables } from '../sql/tables.ts';
import { connectPglite, openPgliteHistory } from './pglite-history.ts';
import { PgliteThread } from './pglite-thread.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-history-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(['in a folder', 'in memory'])('%s', (where) => {
  let db: Kysely<Tables>;

  beforeAll(async () => {
    db = await connectPglite(where === 'in memory' ? {} : { path: join(folder, 'shared') });
  });

  afterAll(() => db.destroy());

  describeHistory('pglite', async () => (await emptyHistory(db)).history);
  describeRegistry('pglite', () => emptyHistory(db));
  describeSweeps('pglite', () => emptyHistory(db));
});

const listAll = { envId: DEFAULT_ENV_ID, eventsMax: 1_000_000 };

test('what was recorded is there when the folder is opened again', async () => {
  const path = join(folder, 'again');
  const event = anEvent();
  const first = await openPgliteHistory({ path });
  await first.history.record({ events: [{ event, envId: DEFAULT_ENV_ID, streamSeq: 1 }] });
  await first.close();
  await first.history.close();

  const second = await openPgliteHistory({ path });

  expect((await second.history.findEvent(event.internalId))?.event).toEqual(event);
  await second.close();
});

test('a folder is for one process at a time', async () => {
  const path = join(folder, 'locked');
  const first = await openPgliteHistory({ path });

  await expect(openPgliteHistory({ path })).rejects.toMatchObject({ code: 'FOLDER_LOCKED' });

  await first.close();
  await (await openPgliteHistory({ path })).close();
});

test('after kill -9 in the middle of writing everything recorded is there, round after round', async () => {
  const path = join(folder, 'killed');
  const writer = `
    import { anEvent } from '@perdure/testing';
    import { openPgliteHistory } from ${JSON.stringify(new URL('./pglite-history.ts', import.meta.url).href)};
    const { history } = await openPgliteHistory({ path: ${JSON.stringify(path)} });
    for (let batch = 0; ; batch++) {
      const events = Array.from({ length: 50 }, () => anEvent({ receivedAt: Date.now() }));
      await history.record({ events: events.map((event, i) => ({ event, envId: ${JSON.stringify(DEFAULT_ENV_ID)}, streamSeq: i })) });
      console.log(events.map((event) => event.internalId).join());
    }`;
  const recorded: string[] = [];

  for (let round = 1; round <= 3; round++) {
    const child = spawn(process.execPath, ['-C', 'perdure-source', '--input-type=module', '-e', writer], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => recorded.push(...line.split(',')));
    while (recorded.length < round * 500) await once(lines, 'line');
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  const { history } = await openPgliteHistory({ path });
  const listed = new Set((await history.listEvents(listAll)).map(({ event }) => event.internalId));

  expect(recorded.filter((id) => !listed.has(id))).toEqual([]);
  expect(listed.size % 50).toBe(0);
  await history.close();
});

test.each<[string, (database: string) => void, RegExp]>([
  ['a control file cut short', (database) => truncateSync(join(database, 'global/pg_control'), 100), /pg_control/],
  ['no log', (database) => emptyFolder(join(database, 'pg_wal')), /valid checkpoint record/],
  ['tables of garbage', (database) => scribble(join(database, 'base/5')), /not a valid data directory/],
  ['nothing in it', (database) => emptyFolder(database), /PG_VERSION is missing/],
])('a folder with %s is reported in one sentence, and this process lives', async (_what, damage, reason) => {
  const path = mkdtempSync(join(folder, 'damaged-'));
  await (await openPgliteHistory({ path })).close();
  damage(join(path, 'postgres'));

  const opening = openPgliteHistory({ path });

  await expect(opening).rejects.toMatchObject({
    code: 'FOLDER_CORRUPT',
    message: expect.stringMatching(/^the folder \S+ is damaged \(.+\): restore it from a backup, or remove it/),
  });
  await expect(opening).rejects.toThrow(reason);
});

function emptyFolder(path: string): void {
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
}

function scribble(path: string): void {
  for (const name of readdirSync(path)) writeFileSync(join(path, name), Buffer.alloc(24_576, 'z'));
}

test('the log that a start after a crash has to read is bounded', async () => {
  const db = await connectPglite({ path: join(folder, 'checkpoints') });
  for (let count = 0; count < 60; count++) {
    // Random, or Postgres would compress it.
    const output = randomBytes(500_000).toString('hex');
    await db
      .insertInto('runs')
      .values({ run_id: `run ${count}`, status: 'Completed', output })
      .execute();
  }

  const { rows } = await sql<{ bytes: number }>`
    select (pg_current_wal_insert_lsn() - redo_lsn)::float8 as bytes from pg_control_checkpoint()`.execute(db);

  expect(rows[0]?.bytes).toBeLessThan(40_000_000);
  await db.destroy();
});

test('without a template the database is made from nothing', async () => {
  const thread = await PgliteThread.open({ folder: join(folder, 'from-nothing') });

  const { rows } = await thread.query('show wal_segment_size', []);

  expect(rows).toEqual([{ wal_segment_size: '1MB' }]);
  await thread.close();
});
