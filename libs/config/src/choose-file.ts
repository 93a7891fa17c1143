import { resolve } from 'node:path';
import { closestMatch } from 'leven';
import {
  type ConfigFile,
  findConfigFile,
  isFile,
  readConfigFile,
  readConfigText,
  type ReadFile,
} from './file/config-file.ts';
import { inFlags, type Sources, textOf } from './given.ts';
import { KEYS_OF_OTHER_COMMANDS, OPTION_NAMES, OPTIONS } from './options.ts';
import type { Problem } from './problem.ts';

export type FileSources = Omit<Sources, 'command'>;

export interface ChosenFile {
  /** Absent: there is none, or none that can be used. */
  file?: ConfigFile;
  problems: Problem[];
  notices: Problem[];
}

/** A config file's path in `INNGEST_CONFIG`; ours may hold the whole file instead. */
const PATH_VARIABLE = 'INNGEST_CONFIG';
const FILE_VARIABLE = 'PERDURE_CONFIG';
/** Letters that may be wrong in a key for the right one to be suggested. */
const TYPOS_MAX = 3;

/**
 * The config file: the one that is named by flag or variable, else the one whose text is in a variable, else the first
 * that is found. One that was named must be good, one that was found is left out when it is not.
 */
export function chooseFile(given: FileSources): ChosenFile {
  const named = readNamedFile(given);
  const path = named === undefined ? findConfigFile(given) : undefined;
  const result = named ?? (path === undefined ? undefined : readConfigFile(path));
  if (result === undefined) return { problems: [], notices: [] };
  if (result.ok) return { file: result.file, problems: doubledKeys(result.file), notices: strangeKeys(result.file) };
  const { source, message } = result;
  if (named !== undefined) return { problems: [{ source, path: '', message }], notices: [] };
  return { problems: [], notices: [{ source, path: '', message: `${message} and is left out` }] };
}

/** By flag or variable; undefined when none is named. */
function readNamedFile(given: FileSources): ReadFile | undefined {
  const named = inFlags('config', given.flags)?.raw ?? textOf(given.env[PATH_VARIABLE]);
  if (typeof named === 'string') return readConfigFile(resolve(given.cwd, named));
  const whole = textOf(given.env[FILE_VARIABLE]);
  if (whole === undefined) return undefined;
  const path = resolve(given.cwd, whole.trim());
  if (isFile(path)) return readConfigFile(path);
  const result = readConfigText(FILE_VARIABLE, whole);
  // A single word, such as the path of a file that is missing, is valid YAML.
  if (result.ok || /[\n:{]/.test(whole)) return result;
  return { ...result, message: 'must hold the text of a config file, or the path of one that exists' };
}

function doubledKeys({ source, doubled }: ConfigFile): Problem[] {
  return doubled.map((key) => ({ source, path: key, message: `${key} is given more than once` }));
}

function strangeKeys({ source, values }: ConfigFile): Problem[] {
  const strange = Object.keys(values).filter((key) => !Object.hasOwn(OPTIONS, key) && !KEYS_OF_OTHER_COMMANDS.has(key));
  return strange.map((key) => ({
    source,
    path: key,
    message: `${key} is no option and is left out${suggestion(key)}`,
  }));
}

function suggestion(key: string): string {
  const maxDistance = Math.min(TYPOS_MAX, Math.floor(key.length / 2));
  const meant = closestMatch(key, OPTION_NAMES, { maxDistance });
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}
