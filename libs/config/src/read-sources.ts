import { chooseFile } from './choose-file.ts';
import type { ConfigFile } from './file/config-file.ts';
import { interpolate } from './file/interpolate.ts';
import { type Found, inFlags, isGiven, type Sources, textOf } from './given.ts';
import { listOf } from './option-kinds.ts';
import { type Option, OPTION_NAMES, type OptionName, OPTIONS, type OptionValues, variablesOf } from './options.ts';
import type { Problem } from './problem.ts';

export interface ReadOptions {
  values: OptionValues;
  /** Where each value was found. */
  sources: { [N in OptionName]?: string };
  problems: Problem[];
  /** Things to tell that stop nothing. */
  notices: Problem[];
  /** Whether something was given for it that cannot be used, which is among the problems already. */
  isBad(name: OptionName): boolean;
}

const NOTHING_GIVEN = 'defaults';

/** A problem with the value of an option, or with having none. */
export function problemOf({ sources }: ReadOptions, path: OptionName, message: string): Problem {
  return { source: sources[path] ?? NOTHING_GIVEN, path, message };
}

/**
 * Takes each option of the command from its strongest source: flag, variable, file (http-api.md 4.2). An empty text counts
 * as not given, since compose files pass on variables that nobody set.
 */
export function readSources(given: Sources): ReadOptions {
  const chosen = chooseFile(given);
  const { problems, notices } = chosen;
  const isBad = (name: OptionName): boolean => problems.some(({ path }) => path === name);
  const read: ReadOptions = { values: {}, sources: {}, problems, notices, isBad };
  for (const name of OPTION_NAMES) {
    const known: Option = OPTIONS[name];
    // The file is chosen by then, and names no other.
    const found =
      name !== 'config' && known.commands.includes(given.command) ? find(name, given, chosen.file, read) : undefined;
    if (found !== undefined) accept(name, found, read);
  }
  return read;
}

function find(name: OptionName, given: Sources, file: ConfigFile | undefined, read: ReadOptions): Found | undefined {
  const { variable }: Option = OPTIONS[name];
  const special = variable === undefined ? undefined : inVariable(variable.name, given, name, variable.read);
  if (special !== undefined && variable?.beatsFlag === true) return special;
  const own = () => variablesOf(name).map((each) => inVariable(each, given, name));
  return (
    inFlags(name, given.flags) ??
    own().find((found) => found !== undefined) ??
    special ??
    inFile(name, file, given.env, read)
  );
}

function inVariable(
  variable: string,
  { env }: Sources,
  name: OptionName,
  read?: (text: string) => string,
): Found | undefined {
  const text = textOf(env[variable]);
  if (text === undefined) return undefined;
  const { kind }: Option = OPTIONS[name];
  return { source: variable, raw: kind.isList === true ? listOf(text) : (read?.(text) ?? text) };
}

/** Variables are put in only where the value is used: a file may name some that only other commands have. */
function inFile(
  name: OptionName,
  file: ConfigFile | undefined,
  env: Sources['env'],
  read: ReadOptions,
): Found | undefined {
  const { kind, isFlagOnly }: Option = OPTIONS[name];
  if (file === undefined || isFlagOnly === true || !Object.hasOwn(file.values, name)) return undefined;
  const { value, faults } = interpolate(file.values[name], env);
  for (const fault of faults) read.problems.push({ source: file.source, path: name, message: `${name} ${fault}` });
  if (faults.length > 0 || !isGiven(value)) return undefined;
  return { source: file.source, raw: kind.isList === true ? itemsOf(value) : value };
}

function itemsOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter(isGiven);
  return typeof value === 'string' ? listOf(value) : value;
}

function accept(name: OptionName, { source, raw }: Found, read: ReadOptions): void {
  const { kind, ignored, isSecret }: Option = OPTIONS[name];
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
