import { cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { readFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite, types, type PGliteOptions } from '@electric-sql/pglite';

import { SyncedNodeFs } from './synced-node-fs.ts';
import type { WorkerStart } from './worker-messages.ts';

/** Small segments keep a new folder small; they can only be chosen when it is made. */
const INITDB_PARAMS = ['--wal-segsize=1'];

/** How Postgres is started in a folder. */
export const START_PARAMS = [
  // `-F` is `fsync=off`.
  ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
  // `fdatasync`, the default, is a system call that does nothing in this build; `fsync` is `SyncedNodeFs`.
  '-c',
  'fsync=on',
  '-c',
  'wal_sync_method=fsync',
  // Checkpoints are the worker's to make; this bounds the files that are kept for later use.
  '-c',
  'max_wal_size=64MB',
  // The operating system caches the files as well: more only makes the process larger (the default adds 130 MB).
  '-c',
  'shared_buffers=16MB',
];

/** A database of which nothing survives the process. */
export async function startInMemory({ templateTar }: WorkerStart): Promise<PGlite> {
  return create(templateTar === undefined ? {} : { loadDataDir: new Blob([await readFile(templateTar)]) });
}

/**
 * The database of a folder, which is made when there is none: copied from the template in 0.1 s, or, without one, by
 * `initdb` in 3 s. Either way it appears whole or not at all. What a process that was killed left behind is recovered by
 * Postgres from its log.
 */
export async function startInFolder(folder: string, { templateFolder }: WorkerStart): Promise<PGlite> {
  if (!existsSync(folder)) await makeFolder(folder, templateFolder);
  // PGlite takes this file's absence for a new database, and would make one over what is left of the old.
  if (!existsSync(join(folder, 'PG_VERSION'))) throw new Error('its file PG_VERSION is missing');
  return create({ fs: new SyncedNodeFs(folder) });
}

/** Why Postgres gave up is only in what it prints; what PGlite throws then says that it was aborted. */
async function create(options: PGliteOptions): Promise<PGlite> {
  let lastWords: string | undefined;
  const onStderr = (line: string): boolean => {
    lastWords = /\b(?:FATAL|PANIC): +(.*)/.exec(line)?.[1] ?? lastWords;
    return false;
  };
  try {
    const parsers = { [types.JSON]: (text: string) => text };
    return await PGlite.create({ startParams: START_PARAMS, parsers, onStderr, ...options });
  } catch (cause) {
    throw lastWords === undefined ? cause : new Error(lastWords, { cause });
  }
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
