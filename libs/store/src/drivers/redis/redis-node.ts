import type { Redis, RedisOptions } from 'ioredis';

import { RedisConnection } from './redis-connection.ts';
import { RedisFlush } from './redis-flush.ts';
import { checkServer, readServer, type RedisServer } from './redis-server.ts';

/**
 * A primary: one connection for the operations of all cells that it has, and one to wait for flushes on. Whatever server
 * answers under its address is checked before it is used, so also the one that took over.
 */
export class RedisNode {
  readonly host: string;
  readonly #commands: RedisConnection;
  readonly #flush: RedisFlush;
  #server: RedisServer | undefined;

  /** `host` is what other servers of its cluster know it by. */
  constructor(host: string, options: RedisOptions) {
    this.host = host;
    this.#commands = new RedisConnection(options, {
      greet: async (redis) => {
        this.#server = await readPrimary(redis);
        checkServer(this.#server);
      },
    });
    this.#flush = new RedisFlush(options);
  }

  send<Reply>(command: (redis: Redis) => Promise<Reply>): Promise<Reply> {
    return this.#commands.send(command);
  }

  /** Resolves when what was answered so far is on the disk, where the server can tell, and on `replicas` replicas. */
  async flushed(mark: string, replicas: number): Promise<void> {
    const { reportsFlush } = await this.#findServer();
    if (reportsFlush || replicas > 0) await this.#flush.flushed(mark, { toDisk: reportsFlush, replicas });
  }

  epoch(): Promise<string> {
    return this.#commands.send(async (redis) => (await readPrimary(redis)).epoch);
  }

  async #findServer(): Promise<RedisServer> {
    return this.#commands.send(async (redis) => this.#server ?? readPrimary(redis));
  }

  /** The next command makes another connection, to whichever server has the address then. */
  cut(): void {
    this.#commands.cut();
  }

  async close(): Promise<void> {
    await Promise.all([this.#commands.close(), this.#flush.close()]);
  }
}

async function readPrimary(redis: Redis): Promise<RedisServer> {
  const server = await readServer(redis);
  if (server.isReplica) throw new Error('READONLY this server is a replica');
  return server;
}
