import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { PgliteThread } from './pglite-thread.ts';
import { findTemplate } from './template/template.ts';

let parent: string;
let thread: PgliteThread;

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), 'perdure-thread-'));
  thread = await PgliteThread.open({ folder: join(parent, 'postgres'), ...findTemplate() });
});

afterEach(async () => {
  await thread.close();
  rmSync(parent, { recursive: true });
});

/** What stands in the way of the next file of the log, which is made under a temporary name first. */
const obstacle = (): string => join(parent, 'postgres/pg_wal/xlogtemp.42');

/** Postgres gives up when its log cannot be written, as on a full disk. */
async function breakDown(): Promise<unknown> {
  mkdirSync(obstacle());
  for (let count = 0; count < 100; count++) {
    const filling = thread.query('insert into filler values ($1)', [randomBytes(500_000).toString('hex')]);
    const failure = await filling.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure !== undefined) return failure;
  }
  throw new Error('the log went on growing');
}

test('a database that gave up starts again, once it can, with all that it had stored', async () => {
  await thread.query('create table filler (bytes text)', []);
  await thread.query('create table kept (id integer)', []);
  await thread.query('insert into kept values ($1)', [1]);

  const failure = await breakDown();
  await Promise.allSettled([thread.query('insert into kept values ($1)', [-1])]);
  rmSync(obstacle(), { recursive: true, force: true });
  await thread.query('insert into kept values ($1)', [2]);
  const { rows } = await thread.query('select id from kept where id > 0 order by id', []);

  expect(failure).toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
  expect(rows).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a transaction that was under way leaves nothing', async () => {
  await thread.query('create table filler (bytes text)', []);
  await thread.query('create table kept (id integer)', []);
  await thread.query('begin', []);
  await thread.query('insert into kept values (1)', []);
  await breakDown();
  rmSync(obstacle(), { recursive: true, force: true });

  await Promise.allSettled([thread.query('rollback', [])]);
  const { rows } = await thread.query('select id from kept', []);

  expect(rows).toEqual([]);
});

test('statements are answered in the order in which they were asked', async () => {
  const answers: number[] = [];

  await Promise.all([1, 2, 3].map((n) => thread.query(`select ${n}`, []).then(() => answers.push(n))));

  expect(answers).toEqual([1, 2, 3]);
});

test('a closed database says so', async () => {
  await thread.close();

  await expect(thread.query('select 1', [])).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
});
