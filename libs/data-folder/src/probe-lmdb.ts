import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { DataFolderError } from './data-folder-error.ts';

const CHILD = new URL(
  import.meta.url.endsWith('.ts') ? './probe-lmdb-child.ts' : './probe-lmdb-child.js',
  import.meta.url,
);
const REASON_CHARS_MAX = 300;

/**
 * Reads an LMDB folder in a process of its own, and throws FOLDER_CORRUPT when that fails. Does nothing when there is
 * no database yet. The caller holds the folder's lock.
 *
 * LMDB trusts the pages it maps into memory: a truncated or overwritten file ends the process that reads it with
 * SIGBUS or SIGSEGV, which no handler can turn into a sentence. Hence a child, about 60 ms beside the rest of a start.
 */
export async function probeLmdb(path: string): Promise<void> {
  const size = await fileBytes(join(path, 'data.mdb'));
  if (size === undefined) return;
  const end = await runChild(path);
  if (end.code === 0) return;
  const reason = end.signal === null ? firstLine(end.stderr) : `reading it ended with ${end.signal}`;
  const message = `the folder ${path} is damaged (${reason}): restore it from a backup, or remove it to start empty`;
  throw new DataFolderError('FOLDER_CORRUPT', message, { path });
}

/** Undefined when there is no file, or nothing was ever written to it. */
async function fileBytes(file: string): Promise<number | undefined> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return found === undefined || found.size === 0 ? undefined : found.size;
}

function runChild(path: string): Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(CHILD), path], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(0, REASON_CHARS_MAX);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}
