import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { repositoryRoot } from './paths.mjs';

const BUILD_LOCK = join(repositoryRoot, '.build.lock');
const RETRY_MS = 200;
/** Longer than it takes another process to act on the dead owner's name that it has just read. */
const SETTLE_MS = 50;

/**
 * Runs `work` while no other process installs or builds here: two at once would overwrite each other's files.
 * The lock of a process that no longer exists is taken over.
 * @template T
 * @param {() => Promise<T>} work
 * @param {string} [lockPath]
 * @returns {Promise<T>}
 */
export async function withBuildLock(work, lockPath = BUILD_LOCK) {
  await acquire(lockPath);
  const release = () => releaseOwn(lockPath);
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

/** @param {string} lockPath */
function releaseOwn(lockPath) {
  if (owner(lockPath) === process.pid) rmSync(lockPath, { force: true });
}

/** @param {string} lockPath */
async function acquire(lockPath) {
  for (let told = false; !create(lockPath); await delay(RETRY_MS)) {
    const holder = owner(lockPath);
    if (holder === undefined) continue;
    if (!isAlive(holder)) {
      rmSync(lockPath, { force: true });
      // Another process may have read the same dead owner and now remove the lock that is created here.
      if (create(lockPath)) {
        await delay(SETTLE_MS);
        if (owner(lockPath) === process.pid) return;
      }
    } else if (!told) {
      told = true;
      process.stderr.write(`perdure: waiting for process ${holder}, which installs or builds here (${lockPath})\n`);
    }
  }
}

/** @param {string} lockPath @returns {boolean} whether the lock is now this process's */
function create(lockPath) {
  try {
    writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * @param {string} lockPath
 * @returns {number | undefined} the process that holds the lock; undefined when nobody does or it is not written yet
 */
function owner(lockPath) {
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
