import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkFreeSpace, DataFolderError, lockFolder } from '@perdure/data-folder';
import { Kysely } from 'kysely';

import { HistoryError } from '../../history-error.ts';
import { openedHistory, type OpenedHistory } from '../opened-history.ts';
import { migrateToLatest } from '../sql/migrate.ts';
import type { Tables } from '../sql/tables.ts';
import { Housekeeping } from './housekeeping.ts';
import { PgliteThreadDialect } from './pglite-dialect.ts';
import { PgliteThread } from './pglite-thread.ts';
import { findTemplate } from './template/template.ts';

export interface PgliteHistoryOptions {
  /** A folder of its own, created when there is none. Without a path the database is in memory. */
  path?: string;
}

/**
 * History and registry in a Postgres that runs inside this process, in a thread (architecture.md 8). Close it, or the
 * process stays.
 *
 * Throws a `DataFolderError` (FOLDER_LOCKED, FOLDER_CORRUPT, FOLDER_NOT_WRITABLE, DISK_FULL) when the folder cannot be
 * used.
 */
export async function openPgliteHistory(options: PgliteHistoryOptions = {}): Promise<OpenedHistory> {
  const db = await connectPglite(options);
  const housekeeping = new Housekeeping(db);
  return openedHistory(db, {
    changed: (rows) => housekeeping.changed(rows),
    close: async () => {
      await housekeeping.idle();
      await db.destroy();
    },
  });
}

/** The migrated database itself; destroying it closes the folder too. */
export async function connectPglite({ path }: PgliteHistoryOptions): Promise<Kysely<Tables>> {
  if (path === undefined) return migrated(await PgliteThread.open({ ...findTemplate() }));
  const lock = lockFolder(path);
  try {
    await checkFreeSpace(path);
    return await migrated(await startInFolder(path, () => lock.release()));
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function startInFolder(path: string, onClosed: () => void): Promise<PgliteThread> {
  const folder = join(path, 'postgres');
  const isNew = !existsSync(folder);
  try {
    return await PgliteThread.open({ folder, ...findTemplate() }, onClosed);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (isNew) {
      throw new HistoryError('HISTORY_UNAVAILABLE', `no history could be made in ${path}: ${reason}`, { path, cause });
    }
    const message = `the folder ${path} is damaged (${reason}): restore it from a backup, or remove it to start empty`;
    throw new DataFolderError('FOLDER_CORRUPT', message, { path, cause });
  }
}

async function migrated(thread: PgliteThread): Promise<Kysely<Tables>> {
  const db = new Kysely<Tables>({ dialect: new PgliteThreadDialect(thread) });
  try {
    await migrateToLatest(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return db;
}
