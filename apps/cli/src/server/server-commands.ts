import { type Command as ConfigCommand, loadConfig, ROLE_NAMES } from '@perdure/config';
import type { Command } from 'commander';
import { addConfigOptions, complain, describeProblem, sourcesOf } from '../config-flags.ts';
import { readVersion } from '../version.ts';

const ABOUT_ROLES = `
Roles:
  event-api  receives events
  runner     turns events into runs, writes history, keeps the store in order
  executor   claims jobs and calls applications
  api        registers applications, answers the REST API

Any set of them runs in one process, and each of them in as many processes as you like. With fewer than all four, the
processes meet in NATS, Redis and Postgres, whose addresses every one of them needs:

  perdure serve event-api api --nats-uri nats://n:4222 --redis-uri redis://r:6379 --postgres-uri postgres://p/perdure`;

/** `dev`, `start` and `serve`: the same server with other defaults. */
export function addServerCommands(program: Command): void {
  addServerCommand(program, 'dev', 'run everything in one process for development: no keys, this machine only');
  addServerCommand(program, 'start', 'run everything in one process for production: keys required, data kept');
  addServerCommand(program, 'serve', 'run some of the roles in this process, for a deployment of several')
    .argument('[role...]', `what this process does: any of ${ROLE_NAMES.join(', ')}`)
    .usage('<role...> [options]')
    .addHelpText('after', ABOUT_ROLES);
}

function addServerCommand(program: Command, name: ConfigCommand, description: string): Command {
  const command = program.command(name).description(description);
  addConfigOptions(command, name);
  return command.action(() => run(name, command));
}

async function run(name: ConfigCommand, command: Command): Promise<void> {
  const isTerminal = process.stdout.isTTY;
  const loaded = loadConfig({ ...sourcesOf(name, command), roles: command.args, isTerminal });
  if (!loaded.ok) {
    complain(loaded);
    process.exitCode = 1;
    return;
  }
  // Only now: what else can be typed needs none of it.
  const { runServer } = await import('./run-server.ts');
  await runServer(loaded.config, { version: readVersion(), notices: loaded.notices.map(describeProblem) });
}
