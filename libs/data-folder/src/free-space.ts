import { statfs } from 'node:fs/promises';

import { DataFolderError } from './data-folder-error.ts';

const MIB = 1024 * 1024;
/**
 * Less than this is a full disk: starting would fail halfway, at the first write of a log or of a memory-mapped file,
 * and the latter ends the process with a signal instead of an error.
 */
export const FREE_BYTES_MIN = 16 * MIB;

/** Throws DISK_FULL when the disk of an existing folder has less room than that. */
export async function checkFreeSpace(path: string, freeBytesMin: number = FREE_BYTES_MIN): Promise<void> {
  const error = await diskFullError(path, undefined, freeBytesMin);
  if (error !== undefined) throw error;
}

/** Whether a failed write is explained by a full disk: the error that says so, or undefined. */
export async function diskFullError(
  path: string,
  cause?: unknown,
  freeBytesMin: number = FREE_BYTES_MIN,
): Promise<DataFolderError | undefined> {
  const { bavail, bsize } = await statfs(path);
  const freeBytes = bavail * bsize;
  if (freeBytes >= freeBytesMin) return undefined;
  const free = `${(freeBytes / MIB).toFixed(1)} MiB are free, ${Math.ceil(freeBytesMin / MIB)} MiB are needed`;
  return new DataFolderError('DISK_FULL', `the disk of ${path} is full: ${free}`, { path, cause });
}
