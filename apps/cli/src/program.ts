import { Command } from 'commander';
import { addDoctorCommand } from './doctor/doctor-command.ts';
import { addHealthcheckCommand } from './commands/healthcheck.ts';
import { addMigrateCommand } from './commands/migrate-command.ts';
import { addSendCommand } from './commands/send.ts';
import { addLogOptions } from './config-flags.ts';
import { addServerCommands } from './server/server-commands.ts';
import { readVersion } from './version.ts';

const ABOUT_OPTIONS = `
Every option is also a key of a config file (-c, or perdure.yaml in this folder or above it) and a variable:
--redis-uri is redis-uri: in the file and PERDURE_REDIS_URI (or INNGEST_REDIS_URI) in the environment.`;

/** Everything that can be typed after `perdure`. */
export function createProgram(): Command {
  const program = new Command('perdure')
    .description('Perdure runs durable functions: nothing acknowledged is ever lost, no run is ever stuck.')
    .version(readVersion(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', ABOUT_OPTIONS)
    .enablePositionalOptions();
  addLogOptions(program);
  addServerCommands(program);
  addSendCommand(program);
  addMigrateCommand(program);
  addHealthcheckCommand(addDoctorCommand(program));
  // Where scripts for other servers look for it.
  const alpha = program.command('alpha', { hidden: true });
  addHealthcheckCommand(alpha.command('doctor').alias('dr').description('look after a server'));
  program
    .command('version')
    .description('print the version')
    .action(() => console.log(readVersion()));
  return program;
}
