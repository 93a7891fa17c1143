import { readFileSync, statSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { type Format, FORMATS, parseText } from './parse-text.ts';

export interface ConfigFile {
  /** The file's path, or the variable that holds its text. */
  source: string;
  /** By name of option: sections are joined to the keys in them, `redis: { uri: ... }` is `redis-uri`. */
  values: Readonly<Record<string, unknown>>;
  /** Names that are given more than once, as a key and in a section. */
  doubled: readonly string[];
}

export type ReadFile = { ok: true; file: ConfigFile } | { ok: false; source: string; message: string };

/** In each folder, in this order. */
const FILE_NAMES = ['perdure', 'inngest'].flatMap((name) =>
  ['json', 'yaml', 'yml', 'cue'].map((ending) => `${name}.${ending}`),
);
const FORMAT_OF: Readonly<Record<string, Format>> = { '.json': 'JSON', '.yaml': 'YAML', '.yml': 'YAML', '.cue': 'CUE' };
const FILE_BYTES_MAX = 1024 * 1024;
/** Sections in sections; no option has so many words. */
const SECTIONS_MAX = 8;

/**
 * The path of the file that is used when none is named: the first in the working directory, its parents, and
 * `~/.config/perdure` and `~/.config/inngest` (http-api.md 4.2).
 */
export function findConfigFile({ cwd, homeDir }: { cwd: string; homeDir: string }): string | undefined {
  const folders = [...withParents(cwd), join(homeDir, '.config', 'perdure'), join(homeDir, '.config', 'inngest')];
  return folders.flatMap((folder) => FILE_NAMES.map((name) => join(folder, name))).find(isFile);
}

/** Reads a file; a failure says why in one sentence, without quoting the file. */
export function readConfigFile(path: string): ReadFile {
  const text = fromDisk(() => readFileSync(path, 'utf8'));
  if (text === undefined) return { ok: false, source: path, message: 'the file cannot be read' };
  return readConfigText(path, text, FORMAT_OF[extname(path).toLowerCase()]);
}

/** Reads the text of a file, trying every format when it does not say which one it has. */
export function readConfigText(source: string, text: string, format?: Format): ReadFile {
  const failed = (message: string): ReadFile => ({ ok: false, source, message });
  if (text.length > FILE_BYTES_MAX) return failed(`the file is larger than ${FILE_BYTES_MAX} bytes`);
  const parsed = parseText(text, format === undefined ? FORMATS : [format]);
  if (!parsed.ok) return failed(parsed.message);
  // An empty YAML file is nothing at all.
  const value = parsed.value ?? {};
  if (!isSection(value)) return failed('the file must hold keys and values');
  const entries = joinSections(value);
  const names = entries.map(([name]) => name);
  const doubled = names.filter((name, index) => names.indexOf(name) !== index);
  return { ok: true, file: { source, values: Object.fromEntries(entries), doubled } };
}

export function isFile(path: string): boolean {
  return fromDisk(() => statSync(path).isFile()) === true;
}

/** No option has a section for a value, so that every section is a part of names. */
function joinSections(section: Record<string, unknown>, prefix = '', depth = 0): [string, unknown][] {
  return Object.entries(section).flatMap(([key, value]): [string, unknown][] => {
    const name = prefix === '' ? key : `${prefix}-${key}`;
    return isSection(value) && depth < SECTIONS_MAX ? joinSections(value, name, depth + 1) : [[name, value]];
  });
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withParents(folder: string): string[] {
  const parent = dirname(resolve(folder));
  return parent === resolve(folder) ? [parent] : [resolve(folder), ...withParents(parent)];
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
