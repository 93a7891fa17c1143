import { readFileSync, statSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';

export interface ConfigFile {
  path: string;
  values: Readonly<Record<string, unknown>>;
}

export type ReadFile = { ok: true; file: ConfigFile } | { ok: false; path: string; message: string };

/** In each folder, in this order. */
const FILE_NAMES = ['perdure', 'inngest'].flatMap((name) =>
  ['json', 'yaml', 'yml'].map((ending) => `${name}.${ending}`),
);
const FILE_BYTES_MAX = 1024 * 1024;

/**
 * The path of the file that is used when none is named: the first in the working directory, its parents, and
 * `~/.config/perdure` and `~/.config/inngest` (http-api.md 4.2).
 */
export function findConfigFile({ cwd, homeDir }: { cwd: string; homeDir: string }): string | undefined {
  const folders = [...withParents(cwd), join(homeDir, '.config', 'perdure'), join(homeDir, '.config', 'inngest')];
  return folders.flatMap((folder) => FILE_NAMES.map((name) => join(folder, name))).find(isFile);
}

/** Reads a file into its top-level keys; a failure says why in one sentence, without quoting the file. */
export function readConfigFile(path: string): ReadFile {
  const failed = (message: string): ReadFile => ({ ok: false, path, message });
  const text = readText(path);
  if (text === undefined) return failed('the file cannot be read');
  if (text.length > FILE_BYTES_MAX) return failed(`the file is larger than ${FILE_BYTES_MAX} bytes`);
  const parsed = parseText(text, extname(path));
  if (!parsed.ok) return failed(parsed.message);
  const { value } = parsed;
  // An empty YAML file is nothing at all.
  if (value === null || value === undefined) return { ok: true, file: { path, values: {} } };
  if (typeof value !== 'object' || Array.isArray(value)) return failed('the file must hold a list of keys and values');
  return { ok: true, file: { path, values: Object.fromEntries(Object.entries(value)) } };
}

function withParents(folder: string): string[] {
  const parent = dirname(resolve(folder));
  return parent === resolve(folder) ? [parent] : [resolve(folder), ...withParents(parent)];
}

function isFile(path: string): boolean {
  return fromDisk(() => statSync(path).isFile()) === true;
}

function readText(path: string): string | undefined {
  return fromDisk(() => readFileSync(path, 'utf8'));
}

/** Undefined when the file is not there or may not be read. */
function fromDisk<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

/** JSON is YAML too, but for JSON the message of its own parser is the better one. */
function parseText(text: string, ending: string): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: ending === '.json' ? JSON.parse(text) : parseYaml(text, { prettyErrors: false }) };
  } catch (error) {
    return {
      ok: false,
      message: `the file is not valid ${ending === '.json' ? 'JSON' : 'YAML'}${placeOf(error, text)}`,
    };
  }
}

/** Where the error is, but not what stands there: it may be a key. */
function placeOf(error: unknown, text: string): string {
  const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  const at =
    typeof error === 'object' && error !== null && 'pos' in error && Array.isArray(error.pos) ? error.pos[0] : position;
  if (at === undefined) return '';
  return ` (line ${text.slice(0, Number(at)).split('\n').length})`;
}
