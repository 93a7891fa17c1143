import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort } from './free-port.ts';
import { redis, startPrivateRedis } from './redis.ts';
import type { ServiceUnavailable, StartedService } from './service.ts';
import { startService } from './start-service.ts';

/** Several servers that belong together, always private. `url` is the platform's for all of them. */
export interface StartedRedisDeployment extends StartedService {
  /** Those that hold data: primaries first, then a replica of the first. */
  servers: StartedService[];
}

const SLOTS = 16_384;
const PRIMARIES = 3;
const MASTER_NAME = 'main';
const SENTINELS = 3;
/** Until all of them know each other; sentinels greet each other every two seconds. */
const FORMED_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 50;
const COMMAND_TIMEOUT_MS = 2_000;
const END = 'end-of-reply';
const END_REPLY = `$${END.length}\r\n${END}\r\n`;
/** How soon a server that is gone is replaced: short, so that tests are. */
const NODE_TIMEOUT_MS = 800;

const REPLICATION = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];

/** A Redis Cluster of three primaries that share all slots in order, and a replica of the first of them. */
export async function startRedisCluster(settings: string[] = []): Promise<StartedRedisDeployment | ServiceUnavailable> {
  return startTogether(
    Array.from({ length: PRIMARIES + 1 }, async () => {
      // The default, the port and 10,000, may be none.
      const bus = ['--cluster-enabled', 'yes', '--cluster-port', `${await freePort()}`];
      const quick = ['--cluster-node-timeout', `${NODE_TIMEOUT_MS}`, '--cluster-replica-validity-factor', '0'];
      return startPrivateRedis([...bus, ...quick, ...REPLICATION, ...settings]);
    }),
    async (servers) => {
      const ports = servers.map(portOf);
      for (const [index, port] of ports.slice(0, PRIMARIES).entries()) {
        const from = Math.floor((SLOTS * index) / PRIMARIES);
        const to = Math.floor((SLOTS * (index + 1)) / PRIMARIES) - 1;
        await command(port, `CLUSTER ADDSLOTSRANGE ${from} ${to}`);
        await command(port, `CONFIG SET cluster-announce-ip 127.0.0.1`);
      }
      const [first = 0, ...others] = ports;
      for (const port of others) {
        const bus = await command(port, 'CONFIG GET cluster-port').then((reply) => reply.trim().split(/\s+/).at(-1));
        await command(first, `CLUSTER MEET 127.0.0.1 ${port} ${bus}`);
      }
      const replica = ports.at(-1) ?? 0;
      const firstId = await command(first, 'CLUSTER MYID');
      await until(() => command(replica, `CLUSTER REPLICATE ${firstId}`));
      await until(async () => {
        for (const port of ports) expectText(await command(port, 'CLUSTER INFO'), 'cluster_state:ok');
        expectText(await command(first, 'INFO replication'), 'state=online');
        for (const port of ports) expectText(await command(port, 'CLUSTER SLOTS'), String(replica));
      });
      return `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
    },
  );
}

/** A primary, its replica, and three sentinels that replace the one by the other. */
export async function startRedisSentinels(
  settings: string[] = [],
): Promise<StartedRedisDeployment | ServiceUnavailable> {
  return startTogether(
    [startPrivateRedis([...REPLICATION, ...settings]), startPrivateRedis([...REPLICATION, ...settings])],
    async ([primary, replica], keep) => {
      const master = portOf(primary);
      await command(portOf(replica), `REPLICAOF 127.0.0.1 ${master}`);
      await until(async () => expectText(await command(master, 'INFO replication'), 'state=online'));
      const sentinels = await Promise.all(Array.from({ length: SENTINELS }, () => startSentinel(master)));
      const ports = sentinels.map((sentinel) => portOf(keep(sentinel)));
      await until(async () => {
        for (const port of ports) {
          expectText(
            await command(port, 'INFO sentinel'),
            `status=ok,address=127.0.0.1:${master},slaves=1,sentinels=3`,
          );
        }
      });
      return `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${MASTER_NAME}`;
    },
  );
}

function startSentinel(master: number): Promise<StartedService | ServiceUnavailable> {
  const { variable: _, ...recipe } = redis;
  const lines = [
    'bind 127.0.0.1',
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${master} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${NODE_TIMEOUT_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} 5000`,
  ];
  return startService({
    ...recipe,
    // A sentinel writes what it learns into its file.
    prepare: ({ port }) => ['/bin/sh', '-c', 'printf "%s\\n" "$@" >sentinel.conf', 'sh', `port ${port}`, ...lines],
    command: ({ binary, folder }) => [binary, join(folder, 'sentinel.conf'), '--sentinel', '--dir', folder],
    ready: /\+monitor master/,
  });
}

type Keep = (service: StartedService | ServiceUnavailable) => StartedService;

/** All or none: `form` makes one of them and answers its URL; it keeps what it starts itself. */
async function startTogether(
  starting: Promise<StartedService | ServiceUnavailable>[],
  form: (servers: StartedService[], keep: Keep) => Promise<string>,
): Promise<StartedRedisDeployment | ServiceUnavailable> {
  const started: StartedService[] = [];
  const stop = async () => {
    await Promise.all(started.splice(0).map((server) => server.stop()));
  };
  const keep: Keep = (service) => {
    if (service.kind === 'unavailable') throw new Error(service.reason);
    started.push(service);
    return service;
  };
  try {
    const servers = (await Promise.all(starting)).map(keep);
    const url = await form(servers, keep);
    return { kind: 'started', url, origin: servers[0]?.origin ?? '', servers, stop };
  } catch (error) {
    await stop();
    return { kind: 'unavailable', reason: error instanceof Error ? error.message : String(error) };
  }
}

function portOf(server: StartedService | undefined): number {
  return Number(new URL(server?.url ?? '').port);
}

/** The reply to one command, as text; rejects when it is an error. */
function command(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.setEncoding('utf8');
    socket.setTimeout(COMMAND_TIMEOUT_MS, () => socket.destroy(new Error(`${line}: no reply`)));
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      received += chunk;
      if (!received.endsWith(END_REPLY)) return;
      socket.destroy();
      const reply = received.slice(0, -END_REPLY.length).trim();
      if (reply.startsWith('-')) reject(new Error(`${line}: ${reply}`));
      else resolve(reply.startsWith('$') ? reply.slice(reply.indexOf('\n') + 1) : reply);
    });
    // What kind of reply it is does not matter: it ends where the second one begins.
    socket.write(`${line}\r\nPING ${END}\r\n`);
  });
}

async function until(look: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + FORMED_WITHIN_MS;
  for (;;) {
    try {
      await look();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(LOOK_AGAIN_MS);
    }
  }
}

function expectText(text: string, part: string): void {
  if (!text.includes(part)) throw new Error(`expected ${part} in ${text}`);
}
