import { cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { readFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite, types, type PGliteOptions } from '@electric-sql/pglite';

import { SyncedNodeFs } from './synced-node-fs.ts';
import type { WorkerStart } from './worker-messages.ts';

/** Small segments keep a new folder small; they can only be chosen when it is made. */
const INITDB_PARAMS = ['--wal-segsize=1'];

const START_PARAMS = [
  // `-F` is `fsync=off`.
  ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
  // `fdatasync`, the default, is a system call that does nothing in this build; `fsync` is `SyncedNodeFs`.
  '-c',
  'fsync=on',
  '-c',
  'wal_sync_method=fsync',
  // What must be read again after a crash: about a second's worth.
  '-c',
  'max_wal_size=64MB',
];

const OPTIONS = {
  startParams: START_PARAMS,
  parsers: { [types.JSON]: (text: string) => text },
} satisfies PGliteOptions;

/** A database that nothing of which survives the process. */
export async function startInMemory({ templateTar }: WorkerStart): Promise<PGlite> {
  const template = templateTar === undefined ? {} : { loadDataDir: new Blob([await readFile(templateTar)]) };
  return PGlite.create({ ...OPTIONS, ...template });
}

/**
 * The database of a folder, which is made when there is none: copied from the template in 0.1 s, or, without one, by
 * `initdb` in 3 s. Either way it appears whole or not at all. What a process that was killed left behind is recovered by
 * Postgres from its log.
 */
export async function startInFolder(folder: string, { templateFolder }: WorkerStart): Promise<PGlite> {
  if (!existsSync(folder)) await makeFolder(folder, templateFolder);
  return PGlite.create({ ...OPTIONS, fs: new SyncedNodeFs(folder) });
}

async function makeFolder(folder: string, templateFolder: string | undefined): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  if (templateFolder === undefined) await initialise(unfinished);
  else cpSync(templateFolder, unfinished, { recursive: true });
  await syncTree(unfinished);
  renameSync(unfinished, folder);
}

async function initialise(folder: string): Promise<void> {
  const database = await PGlite.create({ dataDir: folder, initDbStartParams: INITDB_PARAMS });
  await database.close();
}

const FILES_AT_ONCE = 64;

async function syncTree(folder: string): Promise<void> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  while (paths.length > 0) await Promise.all(paths.splice(0, FILES_AT_ONCE).map(syncFile));
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
