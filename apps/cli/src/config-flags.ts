import { homedir } from 'node:os';
import { type CommandName, type OptionDescription, optionsOf, type Problem, type Sources } from '@perdure/config';
import { type Command, Option } from 'commander';
import { headingOf } from './option-headings.ts';

/** What applies to every command may also be typed before it (http-api.md 4.1). */
const EVERYWHERE = new Set(['log-level', 'verbose', 'json']);

/** Adds the options that the config has for a command. */
export function addConfigOptions(command: Command, name: CommandName): void {
  command.helpOption('-h, --help', 'show this help');
  for (const option of optionsOf(name)) command.addOption(toOption(option));
}

/** Accepts the options of logs before the command, where its help does not repeat them. */
export function addLogOptions(program: Command): void {
  const options = optionsOf('start').filter(({ name }) => EVERYWHERE.has(name));
  for (const option of options) program.addOption(toOption(option).hideHelp());
}

/** Where the config of a command comes from: what was typed, the environment, the folders of files. */
export function sourcesOf<N extends CommandName>(name: N, command: Command): Sources & { command: N } {
  return { command: name, flags: typedFlags(command), env: process.env, cwd: process.cwd(), homeDir: homedir() };
}

/** Prints problems and what else there is to tell: a key that was mistyped may be why another one is missing. */
export function complain({ problems, notices }: { problems: Problem[]; notices: Problem[] }): void {
  for (const notice of notices) console.error(`Note: ${describeProblem(notice)}`);
  for (const problem of problems) console.error(`Error: ${describeProblem(problem)}`);
}

/** What is missing has no source worth naming. */
export function describeProblem({ source, message }: Problem): string {
  return source === 'defaults' ? message : `${message} (${source})`;
}

/** Only what was typed, after the command or before it: defaults belong to the config. */
function typedFlags(command: Command): Record<string, unknown> {
  const before = command.parent === null ? {} : typedFlags(command.parent);
  const typed = Object.entries(command.opts()).filter(([option]) => command.getOptionValueSource(option) === 'cli');
  return { ...before, ...Object.fromEntries(typed) };
}

function toOption({ name, short, description, defaultText, isSwitch, isList, isHidden }: OptionDescription): Option {
  const flags = `${short === undefined ? '' : `-${short}, `}--${name}${isSwitch ? '' : ' <value>'}`;
  const shown = `${description}${isList ? '; may be repeated' : ''}`;
  const option = new Option(flags, defaultText === undefined ? shown : `${shown} (default: ${defaultText})`);
  if (isHidden) option.hideHelp();
  else option.helpGroup(headingOf(name));
  if (isList) option.argParser((value: string, earlier: string[] | undefined) => [...(earlier ?? []), value]);
  return option;
}
