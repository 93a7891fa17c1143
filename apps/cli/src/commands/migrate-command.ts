import { loadOptions } from '@perdure/config';
import type { Command } from 'commander';
import { addConfigOptions, complain, sourcesOf } from '../config-flags.ts';

const ABOUT = `
Servers migrate by themselves when they start. This does it before they do, for instance in a job of its own; repeating it
changes nothing. The event stream and the store need no migration, nor does what is embedded.`;

export function addMigrateCommand(program: Command): void {
  const command = program.command('migrate').description('bring the tables of Postgres up to date');
  addConfigOptions(command, 'migrate');
  command.addHelpText('after', ABOUT).action(async () => {
    process.exitCode = await run(command);
  });
}

/** Answers the exit status. */
async function run(command: Command): Promise<number> {
  const loaded = loadOptions(sourcesOf('migrate', command));
  complain({ problems: loaded.ok ? [] : loaded.problems, notices: loaded.notices });
  if (!loaded.ok) return 1;
  const url = loaded.values['postgres-uri'];
  if (url === undefined) {
    console.error('Error: postgres-uri is required: the embedded database is migrated when it is opened');
    return 1;
  }
  // Only now: it loads everything that a server needs.
  const { migrate } = await import('./migrate.ts');
  return migrate(url, loaded.values);
}
