import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { DataFolderError } from './data-folder-error.ts';

const LOCK_FILE = 'perdure.lock';
/** SQLite's result codes (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

export interface FolderLock {
  /** Repeating changes nothing. */
  release(): void;
}

/**
 * Takes a folder for this process alone, creating it when there is none. The operating system gives the lock back when
 * the process dies, however it dies, so that no stale lock ever has to be removed.
 *
 * Throws FOLDER_LOCKED when another process (or this one) has it, DISK_FULL, or FOLDER_NOT_WRITABLE.
 *
 * The lock is the exclusive lock of an empty SQLite file: Node has no file locks of its own, but comes with SQLite,
 * whose locks work on every platform and across containers that share a volume. A file with a process ID was rejected:
 * in a container every process is number 1, and numbers are used again.
 */
export function lockFolder(path: string): FolderLock {
  let file: DatabaseSync | undefined;
  try {
    mkdirSync(path, { recursive: true });
    file = new DatabaseSync(join(path, LOCK_FILE), { timeout: 0 });
    file.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    file?.close();
    throw explain(path, error);
  }
  return new HeldLock(file);
}

class HeldLock implements FolderLock {
  readonly #file: DatabaseSync;

  constructor(file: DatabaseSync) {
    this.#file = file;
  }

  release(): void {
    if (this.#file.isOpen) this.#file.close();
  }
}

function explain(path: string, cause: unknown): DataFolderError {
  const code = codeOf(cause);
  if (code === SQLITE_BUSY) {
    const message = `the folder ${path} is in use by another process: stop that one, or choose another folder`;
    return new DataFolderError('FOLDER_LOCKED', message, { path, cause });
  }
  if (code === SQLITE_FULL || code === 'ENOSPC') {
    return new DataFolderError('DISK_FULL', `the disk of ${path} is full`, { path, cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DataFolderError('FOLDER_NOT_WRITABLE', `the folder ${path} cannot be written: ${reason}`, { path, cause });
}

/** SQLite's number, or the name of a failed system call. */
function codeOf(cause: unknown): unknown {
  if (!(cause instanceof Error)) return undefined;
  if ('errcode' in cause) return cause.errcode;
  return 'code' in cause ? cause.code : undefined;
}
