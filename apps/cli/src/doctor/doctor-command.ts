import { loadConfig, ROLE_NAMES } from '@perdure/config';
import type { Command } from 'commander';
import { addConfigOptions, sourcesOf } from '../config-flags.ts';
import { isHealthy } from './check.ts';
import { printedForPeople, printedForPrograms } from './print-checks.ts';

const ABOUT = `
Reads the same config as the servers and exits with 1 when it finds a problem. With roles, the config must do for a
process that has only these.`;

interface DoctorFlags {
  json?: boolean;
  deep?: boolean;
}

/** Answers the command, for the commands below it. */
export function addDoctorCommand(program: Command): Command {
  const command = program
    .command('doctor')
    .alias('dr')
    .description('check a deployment: its config, its services, what waits in them')
    .argument('[role...]', `check the config of a process with these roles: any of ${ROLE_NAMES.join(', ')}`)
    .option('--deep', 'look at everything in the store, also while servers use it')
    .option('--json', 'print JSON')
    .enablePositionalOptions();
  addConfigOptions(command, 'doctor');
  return command.addHelpText('after', ABOUT).action(async (roles: string[], flags: DoctorFlags) => {
    process.exitCode = await runDoctor(command, roles, flags);
  });
}

/** Answers the exit status. */
async function runDoctor(command: Command, roles: string[], { deep, json }: DoctorFlags): Promise<number> {
  const named = roles.length === 0 ? ROLE_NAMES : roles;
  const loaded = loadConfig({ ...sourcesOf('doctor', command), command: 'serve', roles: named });
  // Only now: it loads everything that a server needs.
  const { examine } = await import('./examine.ts');
  // Programs read one value, people like to see that something happens.
  const tell = (line: string): void => (json === true ? undefined : console.error(line));
  const checks = await examine(loaded, { isDeep: deep === true, tell });
  const lines = json === true ? [printedForPrograms(checks)] : printedForPeople(checks);
  for (const line of lines) console.log(line);
  return isHealthy(checks) ? 0 : 1;
}
