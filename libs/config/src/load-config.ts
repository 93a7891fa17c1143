import { buildConfig } from './build-config.ts';
import type { Command, Config } from './config.ts';
import type { Sources } from './given.ts';
import type { OptionValues } from './options.ts';
import type { Problem } from './problem.ts';
import { readSources } from './read-sources.ts';
import { readRoles } from './roles.ts';
import { keyProblems } from './validate-keys.ts';
import { serviceProblems } from './validate-services.ts';

export interface ConfigInput extends Sources {
  command: Command;
  /** What was typed after `serve`; `dev` and `start` do everything. */
  roles?: readonly string[];
  /** Whether log lines go to a terminal; elsewhere they are JSON. By default they do not. */
  isTerminal?: boolean;
}

/** `notices` stop nothing, but the operator should see them: a file that cannot be read, an option without effect. */
export type LoadedConfig =
  | { ok: true; config: Config; notices: Problem[] }
  | { ok: false; problems: Problem[]; notices: Problem[] };

export type LoadedOptions =
  | { ok: true; values: OptionValues; notices: Problem[] }
  | { ok: false; problems: Problem[]; notices: Problem[] };

/**
 * One frozen object from flags, variables, a config file and the defaults, in this order of strength. Reports every problem
 * at once; none of them quotes a secret. Reads the file system, and nothing of the process but what it is given.
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const { command, cwd, isTerminal = false } = input;
  const read = readSources(input);
  const { roles, problems: roleProblems } = readRoles(command, input.roles ?? []);
  const mode = read.values.dev === true ? 'dev' : command;
  const problems = [
    ...roleProblems,
    ...read.problems,
    ...(mode === 'dev' ? [] : keyProblems(read, roles)),
    // Roles that were misspelt are not known to be elsewhere.
    ...serviceProblems(read, roleProblems.length === 0 ? roles : undefined),
  ];
  if (problems.length > 0) return { ok: false, problems, notices: read.notices };
  const config = freeze(buildConfig({ command, mode, cwd, isTerminal }, read.values, roles));
  return { ok: true, config, notices: read.notices };
}

/** The options of a command that runs no server, from the same sources; absent ones have no default. */
export function loadOptions(input: Sources): LoadedOptions {
  const { values, problems, notices } = readSources(input);
  return problems.length > 0 ? { ok: false, problems, notices } : { ok: true, values, notices };
}

function freeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) freeze(part);
  return Object.freeze(value);
}
