import { fdatasyncSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { expect, test } from 'vitest';

import { START_PARAMS, startInFolder } from './start-pglite.ts';
import { SyncedNodeFs } from './synced-node-fs.ts';
import { findTemplate } from './template/template.ts';

test('a commit has reached the disk when it is answered, and reading costs no flush', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'perdure-synced-'));
  const folder = join(parent, 'postgres');
  await (await startInFolder(folder, { ...findTemplate() })).close();
  let syncs = 0;
  const sync = (file: number): void => {
    syncs++;
    fdatasyncSync(file);
  };
  const database = await PGlite.create({ fs: new SyncedNodeFs(folder, sync), startParams: START_PARAMS });
  await database.query('create table kept (id integer)');

  const before = syncs;
  await database.query('insert into kept values (1)');
  const written = syncs;
  await database.query('select * from kept');

  expect(written).toBe(before + 1);
  expect(syncs).toBe(written);
  await database.close();
  rmSync(parent, { recursive: true });
});
