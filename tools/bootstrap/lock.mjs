import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { repositoryRoot } from './paths.mjs';

const lockPath = join(repositoryRoot, '.build.lock');
const RETRY_MS = 200;
/** Longer than it takes another process to act on the dead owner's name that it has just read. */
const SETTLE_MS = 50;

/**
 * Runs `work` while no other process installs or builds here: two at once would overwrite each other's files.
 * The lock of a process that no longer exists is taken over.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withBuildLock(work) {
  await acquire();
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

function release() {
  if (owner() === process.pid) rmSync(lockPath, { force: true });
}

async function acquire() {
  for (let told = false; !create(); await delay(RETRY_MS)) {
    const holder = owner();
    if (holder === undefined) continue;
    if (!isAlive(holder)) {
      rmSync(lockPath, { force: true });
      // Another process may have read the same dead owner and now remove the lock that is created here.
      if (create()) {
        await delay(SETTLE_MS);
        if (owner() === process.pid) return;
      }
    } else if (!told) {
      told = true;
      process.stderr.write(`perdure: waiting for process ${holder}, which installs or builds here (${lockPath})\n`);
    }
  }
}

/** @returns {boolean} whether the lock is now this process's */
function create() {
  try {
    writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** @returns {number | undefined} the process that holds the lock; undefined when nobody does or its name is not written yet */
function owner() {
  try {
    return Number(readFileSync(lockPath, 'utf8')) || undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
