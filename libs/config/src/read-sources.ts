import { resolve } from 'node:path';
import type { Command } from './config.ts';
import { type ConfigFile, findConfigFile, readConfigFile } from './config-file.ts';
import {
  KEYS_OF_OTHER_COMMANDS,
  type Option,
  OPTION_NAMES,
  type OptionName,
  OPTIONS,
  type OptionValues,
  variablesOf,
} from './options.ts';
import type { Problem } from './problem.ts';

export interface Sources {
  command: Command;
  /** By name, in kebab or camel case; undefined is not given. */
  flags: Readonly<Record<string, unknown>>;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  homeDir: string;
}

export interface ReadOptions {
  values: OptionValues;
  /** Where each value was found. */
  sources: { [N in OptionName]?: string };
  problems: Problem[];
  /** Things to tell that stop nothing. */
  notices: Problem[];
}

interface Found {
  source: string;
  raw: unknown;
}

/**
 * Takes each option of the command from its strongest source: flag, variable, file (http-api.md 4.2). An empty text counts
 * as not given, since compose files pass on variables that nobody set.
 */
export function readSources(given: Sources): ReadOptions {
  const read: ReadOptions = { values: {}, sources: {}, problems: [], notices: [] };
  const file = chooseFile(given, read);
  for (const name of OPTION_NAMES) {
    const known: Option = OPTIONS[name];
    const found = known.commands.includes(given.command) ? find(name, given, file) : undefined;
    if (found !== undefined) accept(name, found, read);
  }
  return read;
}

function chooseFile(given: Sources, read: ReadOptions): ConfigFile | undefined {
  const named = find('config', given, undefined)?.raw;
  const path = typeof named === 'string' ? resolve(given.cwd, named) : findConfigFile(given);
  if (path === undefined) return undefined;
  const result = readConfigFile(path);
  if (!result.ok) {
    const problem = { source: path, path: '', message: result.message };
    if (named === undefined) read.notices.push({ ...problem, message: `${result.message} and is left out` });
    else read.problems.push(problem);
    return undefined;
  }
  for (const key of Object.keys(result.file.values)) {
    if (Object.hasOwn(OPTIONS, key) || KEYS_OF_OTHER_COMMANDS.has(key)) continue;
    read.notices.push({ source: path, path: key, message: `${key} is no option and is left out` });
  }
  return result.file;
}

function find(name: OptionName, given: Sources, file: ConfigFile | undefined): Found | undefined {
  const { variable }: Option = OPTIONS[name];
  const special = variable === undefined ? undefined : inVariable(variable.name, given, name, variable.read);
  if (special !== undefined && variable?.beatsFlag === true) return special;
  const own = () => variablesOf(name).map((each) => inVariable(each, given, name));
  return inFlags(name, given) ?? own().find((found) => found !== undefined) ?? special ?? inFile(name, file);
}

/** `--no-x` may come as `no-x: true`, `noX: true` or, as commander has it, `x: false`. */
function inFlags(name: OptionName, { flags }: Sources): Found | undefined {
  const source = `--${name}`;
  const raw = flags[name] ?? flags[camelCase(name)];
  if (isGiven(raw)) return { source, raw };
  if (name.startsWith('no-') && flags[camelCase(name.slice('no-'.length))] === false) return { source, raw: true };
  return undefined;
}

function inVariable(
  variable: string,
  { env }: Sources,
  name: OptionName,
  read?: (text: string) => string,
): Found | undefined {
  const text = env[variable];
  if (!isGiven(text) || text === undefined) return undefined;
  const { kind }: Option = OPTIONS[name];
  return { source: variable, raw: kind.isList === true ? listOf(text) : (read?.(text) ?? text) };
}

function inFile(name: OptionName, file: ConfigFile | undefined): Found | undefined {
  if (file === undefined || !Object.hasOwn(file.values, name)) return undefined;
  const raw = file.values[name];
  const { kind }: Option = OPTIONS[name];
  if (!isGiven(raw)) return undefined;
  return { source: file.path, raw: kind.isList === true && typeof raw === 'string' ? [raw] : raw };
}

function isGiven(raw: unknown): boolean {
  if (raw === undefined || raw === null) return false;
  if (typeof raw === 'string') return raw.trim() !== '';
  return !Array.isArray(raw) || raw.some(isGiven);
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_match, letter: string) => letter.toUpperCase());
}

function accept(name: OptionName, { source, raw }: Found, read: ReadOptions): void {
  const { kind, ignored, refused, isSecret }: Option = OPTIONS[name];
  if (refused !== undefined) {
    read.problems.push({ source, path: name, message: refused });
    return;
  }
  const result = kind.schema.safeParse(raw);
  if (!result.success) {
    const shown = isSecret === true ? '' : `, found ${withoutPasswords(JSON.stringify(raw))}`;
    read.problems.push({ source, path: name, message: `${name} must be ${kind.expected}${shown}` });
    return;
  }
  if (ignored !== undefined) read.notices.push({ source, path: name, message: `${name} has no effect: ${ignored}` });
  Object.assign(read.values, { [name]: result.data });
  read.sources[name] = source;
}

/** Addresses may hold a password, also in a list of which another item is wrong. */
function withoutPasswords(text: string): string {
  return text.replace(/:[^:\s"/]*@/g, ':[redacted]@');
}
