import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

export const USAGE = `Benchmarks a server of the protocol: plays its client and its application.

  npm run bench -- [options]

  --url URL          a server that runs already (loopback only); its start-up is then not measured
  --pid PID          its process, to read memory and CPU of
  --event-key KEY    key in the path of events (default: bench)
  --topology NAME    embedded (default): one process without services; services: one process on private instances of
                     NATS, Redis and Postgres; roles: each role a process of its own on such instances
  --cells N          cells of the store, with services or roles (default: 1)
  --server COMMAND   what to start instead, run without a shell; {port} and {dataDir} are filled in
  --quick            fewer samples: a minute in all
  --only NAME        one scenario; may be given more than once
  --profile DIR      start the server with --cpu-prof, keep profiles in DIR, list where its time goes
  --json FILE        write figures and machine to FILE
  --verbose          show what the server prints
  --help`;

const SERVER_DEFAULT =
  'node apps/cli/dist/main.js dev --persist --no-discovery --no-poll --host 127.0.0.1 --port {port} --data-dir {dataDir}';

export type Topology = 'embedded' | 'services' | 'roles';
const TOPOLOGIES: readonly string[] = ['embedded', 'services', 'roles'] satisfies Topology[];

export interface Options {
  topology: Topology;
  cells: number;
  /** Origin of a server that runs already. */
  url?: string;
  pid?: number;
  eventKey: string;
  /** Words of the command, with placeholders. */
  serverCommand: string[];
  isQuick: boolean;
  only: string[];
  profileDir?: string;
  jsonFile?: string;
  isVerbose: boolean;
}

/** Reads the command line; a message for the person who typed it when it cannot be read. */
export function readOptions(args: string[]): Options | { help: string } {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string' },
      pid: { type: 'string' },
      topology: { type: 'string', default: 'embedded' },
      cells: { type: 'string', default: '1' },
      'event-key': { type: 'string', default: 'bench' },
      server: { type: 'string', default: SERVER_DEFAULT },
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      profile: { type: 'string' },
      json: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { help: USAGE };
  if (!TOPOLOGIES.includes(values.topology)) throw new Error(`--topology is one of ${TOPOLOGIES.join(', ')}`);
  return {
    topology: values.topology as Topology,
    cells: Number(values.cells),
    ...(values.url !== undefined && { url: loopbackOrigin(values.url) }),
    ...(values.pid !== undefined && { pid: Number(values.pid) }),
    eventKey: values['event-key'],
    serverCommand: values.server.split(/\s+/).filter((word) => word !== ''),
    isQuick: values.quick,
    only: values.only,
    ...(values.profile !== undefined && { profileDir: values.profile }),
    ...(values.json !== undefined && { jsonFile: values.json }),
    isVerbose: values.verbose,
  };
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Load goes to this machine only: a benchmark pointed elsewhere by mistake is an attack. */
function loopbackOrigin(url: string): string {
  const { hostname, origin } = new URL(url);
  if (!LOOPBACK.has(hostname)) throw new Error(`--url must be a loopback address, not ${hostname}`);
  return origin;
}

/** What the figures were measured on. */
export function describeMachine(): Record<string, string | number> {
  return { platform: `${process.platform} ${process.arch}`, node: process.version, cores: availableParallelism() };
}
