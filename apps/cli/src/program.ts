import { homedir } from 'node:os';
import {
  type Command as ConfigCommand,
  loadConfig,
  optionsOf,
  type OptionDescription,
  type Problem,
} from '@perdure/config';
import { Command, Option } from 'commander';
import { readVersion } from './version.ts';

/** Everything that can be typed after `perdure`. */
export function createProgram(): Command {
  const program = new Command('perdure')
    .description('Perdure runs durable functions: nothing acknowledged is ever lost, no run is ever stuck.')
    .version(readVersion(), '-v, --version', 'print the version');
  program
    .command('version')
    .description('print the version')
    .action(() => console.log(readVersion()));
  addServerCommand(program, 'dev', 'run everything in one process for development: no keys, this machine only');
  addServerCommand(program, 'start', 'run everything in one process for production: keys required, data kept');
  return program;
}

function addServerCommand(program: Command, name: ConfigCommand, description: string): void {
  const command = program.command(name).description(description);
  for (const option of optionsOf(name)) command.addOption(toOption(option));
  command.action(async () => {
    // Only what was typed: defaults belong to the config.
    const typed = Object.entries(command.opts()).filter(([option]) => command.getOptionValueSource(option) === 'cli');
    await runWithFlags(name, Object.fromEntries(typed));
  });
}

function toOption({ name, short, description, defaultText, isSwitch, isList, isHidden }: OptionDescription): Option {
  const flags = `${short === undefined ? '' : `-${short}, `}--${name}${isSwitch ? '' : ' <value>'}`;
  const option = new Option(
    flags,
    defaultText === undefined ? description : `${description} (default: ${defaultText})`,
  );
  if (isHidden) option.hideHelp();
  if (isList) option.argParser((value: string, earlier: string[] | undefined) => [...(earlier ?? []), value]);
  return option;
}

async function runWithFlags(command: ConfigCommand, flags: Record<string, unknown>): Promise<void> {
  const loaded = loadConfig({
    command,
    flags,
    env: process.env,
    cwd: process.cwd(),
    homeDir: homedir(),
    isTerminal: process.stdout.isTTY,
  });
  if (!loaded.ok) {
    for (const problem of loaded.problems) console.error(`Error: ${describe(problem)}`);
    process.exitCode = 1;
    return;
  }
  // Only now: what else can be typed needs none of it.
  const { runServer } = await import('./run-server.ts');
  await runServer(loaded.config, { version: readVersion(), notices: loaded.notices.map(describe) });
}

/** What is missing has no source worth naming. */
function describe({ source, message }: Problem): string {
  return source === 'defaults' ? message : `${message} (${source})`;
}
