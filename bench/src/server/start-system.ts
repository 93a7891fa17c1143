import { startNats, startPostgres, startPrivateRedis, type StartedService } from '@perdure/testing/services';

import type { Options } from '../options.ts';
import { readStoreCommands } from './store-commands.ts';
import { startServer, type RunningServer } from './start-server.ts';

/** Of the server under test. */
export interface ServerProcess {
  name: string;
  pid: number;
}

/** The server under test, whatever it is made of. */
export interface RunningSystem {
  eventUrl: string;
  apiUrl: string;
  processes: ServerProcess[];
  storeCommands?: () => Promise<number>;
  addExecutor?: () => Promise<void>;
  stop(): Promise<void>;
}

const PROGRAM = ['node', 'apps/cli/dist/main.js'];
const LISTEN = ['--host', '127.0.0.1', '--port', '{port}', '--metrics-port', '0'];
/** Of nobody: the servers are private and die with the benchmark. */
export const SIGNING_KEY = '5e'.repeat(32);
const ROLES = ['api', 'event-api', 'runner', 'executor'] as const;

/** Starts the server in the topology that was asked for, each process with these flags and ready when this resolves. */
export async function startSystem(options: Options, dataDir: string, flags: string[] = []): Promise<RunningSystem> {
  if (options.topology === 'embedded') {
    const server = await startProcess(options, [...options.serverCommand, ...flags], dataDir);
    return oneProcess(server, () => server.stop());
  }
  const services = await startServices();
  const stopServices = async (): Promise<void> => {
    await Promise.all(services.all.map((service) => service.stop()));
  };
  try {
    const uris = [...services.flags, '--cells', String(options.cells), ...flags];
    const system = await (options.topology === 'services'
      ? startOnServices(options, uris, dataDir, stopServices)
      : startRoles(options, uris, dataDir, stopServices));
    return { ...system, storeCommands: () => readStoreCommands(services.redisUrl) };
  } catch (error) {
    await stopServices();
    throw error;
  }
}

function oneProcess(server: RunningServer, stop: () => Promise<void>): RunningSystem {
  return { eventUrl: server.url, apiUrl: server.url, processes: [{ name: 'perdure', pid: server.pid }], stop };
}

async function startOnServices(
  options: Options,
  uris: string[],
  dataDir: string,
  stopServices: () => Promise<void>,
): Promise<RunningSystem> {
  const command = [...PROGRAM, 'dev', '--no-discovery', '--no-poll', ...LISTEN, '--data-dir', dataDir, ...uris];
  const server = await startProcess(options, command, dataDir);
  return oneProcess(server, async () => {
    await server.stop();
    await stopServices();
  });
}

async function startRoles(
  options: Options,
  uris: string[],
  dataDir: string,
  stopServices: () => Promise<void>,
): Promise<RunningSystem> {
  const servers: RunningServer[] = [];
  const processes: ServerProcess[] = [];
  const start = async (role: string, name: string): Promise<RunningServer> => {
    const keys = ['--signing-key', SIGNING_KEY, '--event-key', options.eventKey];
    const server = await startProcess(options, [...PROGRAM, 'serve', role, ...LISTEN, ...keys, ...uris], dataDir);
    servers.push(server);
    processes.push({ name, pid: server.pid });
    return server;
  };
  // The first alone: it migrates the database.
  const [api, eventApi] = [await start(ROLES[0], ROLES[0]), await start(ROLES[1], ROLES[1])];
  for (const role of ROLES.slice(2)) await start(role, role);
  return {
    eventUrl: eventApi.url,
    apiUrl: api.url,
    processes,
    addExecutor: async () => void (await start('executor', 'second executor')),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await stopServices();
    },
  };
}

function startProcess(options: Options, command: readonly string[], dataDir: string): Promise<RunningServer> {
  return startServer({
    command,
    dataDir,
    isVerbose: options.isVerbose,
    ...(options.profileDir !== undefined && { profileDir: options.profileDir }),
  });
}

async function startServices(): Promise<{ all: StartedService[]; flags: string[]; redisUrl: string }> {
  const all = (await Promise.all([startNats(), startPrivateRedis(), startPostgres()])).map((service) => {
    if (service.kind === 'unavailable') throw new Error(`a service could not be started: ${service.reason}`);
    return service;
  });
  const [nats = '', redisUrl = '', postgres = ''] = all.map(({ url }) => url);
  return { all, redisUrl, flags: ['--nats-uri', nats, '--redis-uri', redisUrl, '--postgres-uri', postgres] };
}
