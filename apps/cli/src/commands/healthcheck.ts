import { DEFAULTS, loadOptions } from '@perdure/config';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addConfigOptions, complain, sourcesOf } from '../config-flags.ts';
import { probe } from './probe.ts';

const ABOUT = `
Exits with 0 when the server answers, else with 1: for the health check of a container. It asks the address that a server
with the same config listens at.`;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
/** Addresses to listen at that are none to connect to. */
const EVERYWHERE = new Set(['0.0.0.0', '::', '[::]']);

interface HealthcheckFlags {
  scheme: string;
  timeout: number;
  ready?: boolean;
  verbose?: boolean;
}

/** Http-api.md 4.6; there is no connect gateway to ask. */
export function addHealthcheckCommand(parent: Command): void {
  const command = parent.command('healthcheck').description('ask a server whether it is up');
  addConfigOptions(command, 'healthcheck');
  command
    .option('--scheme <scheme>', 'http or https', 'http')
    .option('--timeout <time>', 'how long to wait, such as 5s or 500ms', parseTime, parseTime('5s'))
    .option('--ready', 'ask whether it is ready for requests, too')
    .option('--verbose', 'say what was asked')
    .addOption(new Option('--connect-gateway-port <port>').hideHelp())
    .addOption(new Option('--skip-connect-gateway').hideHelp())
    .addHelpText('after', ABOUT)
    .action(async (flags: HealthcheckFlags) => {
      process.exitCode = await healthcheck(command, flags);
    });
}

/** Answers the exit status. */
async function healthcheck(command: Command, flags: HealthcheckFlags): Promise<number> {
  const loaded = loadOptions(sourcesOf('healthcheck', command));
  if (!loaded.ok) {
    complain(loaded);
    return 1;
  }
  const { host = DEFAULTS.hostDev, port = DEFAULTS.port } = loaded.values;
  const address = EVERYWHERE.has(host) ? DEFAULTS.hostDev : host.includes(':') ? `[${host}]` : host;
  const url = `${flags.scheme}://${address}:${port}/${flags.ready === true ? 'ready' : 'health'}`;
  const { ok, message } = await probe(url, flags.timeout);
  if (!ok) console.error(`Error: ${message}`);
  else if (flags.verbose === true) console.log(message);
  return ok ? 0 : 1;
}

function parseTime(value: string): number {
  const [, number, unit = 's'] = /^(\d+)(ms|s|m)?$/.exec(value) ?? [];
  if (number === undefined) throw new InvalidArgumentError('It must be a time such as 5s or 500ms.');
  return Number(number) * (UNIT_MS[unit] ?? 1000);
}
