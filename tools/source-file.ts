import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { filesBelow } from './bootstrap/stamp.mjs';

const SOURCE = /\.(?:ts|tsx|mts|mjs|js)$/;
const NOT_OURS = /\/(?:node_modules|dist|generated|\.[^/]+)$/;

/** A file of the repository, by its path relative to the root, with its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Every source file below `folder` (absolute), without what is installed or built. */
export function readSourceFiles(root: string, folder: string): SourceFile[] {
  return filesBelow(folder, (path) => !NOT_OURS.test(path))
    .filter((path) => SOURCE.test(path))
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }));
}

/** The line, counted from 1, on which the character at `offset` stands. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
