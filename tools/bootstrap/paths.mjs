import { delimiter, join, resolve } from 'node:path';

export const repositoryRoot = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..');

const binaries = join(repositoryRoot, 'node_modules', '.bin');

/** The Node that this repository pins; the one on the machine runs only the files of this folder. */
export const pinnedNode = join(binaries, 'node');

/**
 * The environment of every command: the pinned Node and the installed tools come first in PATH.
 * @param {string[]} [before] folders that come before even those
 */
export function commandEnv(before = []) {
  return { ...process.env, PATH: [...before, binaries, process.env['PATH'] ?? ''].join(delimiter) };
}
