import { DataFolderError } from '../data-folder-error.ts';

/** SQLite's result codes (sqlite.org/rescode.html), of which the low byte is the primary one. */
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** An error of SQLite that the folder explains (FOLDER_CORRUPT, DISK_FULL), or undefined. */
export function sqliteFolderError(path: string, cause: unknown): DataFolderError | undefined {
  const errcode = cause instanceof Error && 'errcode' in cause ? Number(cause.errcode) & 0xff : undefined;
  if (errcode === SQLITE_CORRUPT || errcode === SQLITE_NOTADB) return damagedFolder(path, cause);
  if (errcode === SQLITE_FULL) return new DataFolderError('DISK_FULL', `the disk of ${path} is full`, { path, cause });
  return undefined;
}

/** FOLDER_CORRUPT, in the sentence that says what to do. `cause`: an error, or what is wrong in a few words. */
export function damagedFolder(path: string, cause: unknown): DataFolderError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `the folder ${path} is damaged (${reason}): restore it from a backup, or remove it to start empty`;
  return new DataFolderError('FOLDER_CORRUPT', message, { path, cause });
}

/** FOLDER_OTHER_LAYOUT: the folder was written by another version, earlier or later, that lays out its data in another way. */
export function otherLayout(path: string, { found, expected }: { found: number; expected: number }): DataFolderError {
  const writer = found < expected ? 'an earlier' : 'a later';
  const message =
    `the folder ${path} was written by ${writer} version of Perdure (layout ${found}, this one has ${expected}): ` +
    'run that version on it, or start with a new data folder';
  return new DataFolderError('FOLDER_OTHER_LAYOUT', message, { path, found, expected });
}
