import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { repositoryRoot } from './paths.mjs';

/**
 * Runs `work` unless it has succeeded before with the same inputs.
 * @param {{ stampPath: string, inputs: string[], isComplete?: () => boolean }} what
 *   `stampPath`: remembers the inputs; it stands in the folder of the results, so that it goes when they go;
 *   `inputs`: files by absolute path, of which the contents count; `isComplete`: whether the results are still there
 * @param {() => Promise<void>} work
 */
export async function unlessUnchanged({ stampPath, inputs, isComplete = () => true }, work) {
  const digest = digestOf(inputs);
  if (readIfPresent(stampPath) === digest && isComplete()) return;

  await work();

  mkdirSync(dirname(stampPath), { recursive: true });
  writeFileSync(stampPath, digest);
}

/**
 * @param {string} folder
 * @param {(path: string) => boolean} isWanted
 * @returns {string[]} absolute paths of the files below it; none when it does not exist
 */
export function filesBelow(folder, isWanted) {
  /** @type {string[]} */
  const found = [];
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (!isWanted(path)) continue;
    if (entry.isDirectory()) found.push(...filesBelow(path, isWanted));
    else found.push(path);
  }
  return found;
}

/** @param {string[]} paths */
function digestOf(paths) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const path of paths.toSorted()) {
    hash.update(`\0${relative(repositoryRoot, path)}\0`).update(readIfPresent(path) ?? '');
  }
  return hash.digest('hex');
}

/** @param {string} folder */
function entriesOf(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** @param {string} path */
function readIfPresent(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** @param {unknown} error */
function isMissing(error) {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
