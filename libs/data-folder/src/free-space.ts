import { statfs } from 'node:fs/promises';

import { DataFolderError } from './data-folder-error.ts';

const MIB = 1024 * 1024;
/**
 * Less than this is a full disk: starting would fail halfway, at the first write of a log or of a memory-mapped file,
 * and the latter ends the process with a signal instead of an error.
 */
export const FREE_BYTES_MIN = 16 * MIB;

/** Throws DISK_FULL when the disk of an existing folder has less than `FREE_BYTES_MIN` left. */
export async function checkFreeSpace(path: string): Promise<void> {
  const error = await diskFullError(path);
  if (error !== undefined) throw error;
}

/** Whether a failed write is explained by a full disk: the error that says so, or undefined. */
export async function diskFullError(path: string, cause?: unknown): Promise<DataFolderError | undefined> {
  const { bavail, bsize } = await statfs(path);
  const freeBytes = bavail * bsize;
  if (freeBytes >= FREE_BYTES_MIN) return undefined;
  const message = `the disk of ${path} is full: ${(freeBytes / MIB).toFixed(1)} MiB are free, ${FREE_BYTES_MIN / MIB} MiB are needed`;
  return new DataFolderError('DISK_FULL', message, { path, cause });
}
