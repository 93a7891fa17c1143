import type { Clock } from '@perdure/domain';

import { OperationStore, type Driver } from '../../operation-store.ts';
import type { OperationArgs, OperationName, OperationResult } from '../../operations/index.ts';
import { cellPrefix } from '../../operations/keys.ts';
import type { Store } from '../../store.ts';
import { dumpKeys } from './dump-keys.ts';
import { library } from './generated/library.ts';
import { RedisConnection } from './redis-connection.ts';
import { RedisFlush } from './redis-flush.ts';
import { RedisLibrary } from './redis-library.ts';
import { checkServer, readServer } from './redis-server.ts';

export interface RedisStoreOptions {
  /** `redis[s]://[user:password@]host:port[/database]`. */
  url: string;
  /** Name of the cell: its keys start with `pd:{<cell>}:`. */
  cell: string;
  /** Only for tests: without it operations take the time of the server. */
  clock?: Clock;
}

/**
 * Opens a cell on a Redis server. Rejects with a `PerdureError` when the server does not answer (`STORE_UNAVAILABLE`),
 * is too old (`STORE_TOO_OLD`) or may evict live state (`STORE_EVICTS`). Operations are loaded when they are missing.
 *
 * `durable()` waits for the flush of the append-only file where the server tells of it (7.2 and later). Elsewhere it
 * promises what the server's `appendfsync` does: nothing lost with `always`, the last second with `everysec`.
 */
export async function openRedisStore({ url, cell, clock }: RedisStoreOptions): Promise<Store> {
  const prefix = cellPrefix(cell);
  const connection = new RedisConnection(url);
  try {
    const server = await connection.send('open', readServer);
    checkServer(server);
    const flush = server.reportsFlush ? new RedisFlush(url, `pd-flush:{${cell}}`) : undefined;
    const operations = new RedisLibrary({ connection, library, prefix, clock });
    return new OperationStore(new RedisDriver({ connection, operations, flush }));
  } catch (error) {
    await connection.close();
    throw error;
  }
}

interface RedisParts {
  connection: RedisConnection;
  operations: RedisLibrary;
  flush: RedisFlush | undefined;
}

class RedisDriver implements Driver {
  readonly #parts: RedisParts;

  constructor(parts: RedisParts) {
    this.#parts = parts;
  }

  async run<Name extends OperationName>(name: Name, args: OperationArgs<Name>): Promise<OperationResult<Name>> {
    // The library is made of these very operations: what comes back has their types.
    return (await this.#parts.operations.call(name, args)) as OperationResult<Name>;
  }

  dump(): Promise<Record<string, unknown>> {
    return dumpKeys(this.#parts.operations);
  }

  async durable(): Promise<void> {
    await this.#parts.flush?.flushed();
  }

  async close(): Promise<void> {
    await Promise.all([this.#parts.connection.close(), this.#parts.flush?.close()]);
  }
}
