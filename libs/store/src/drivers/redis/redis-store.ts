import { PerdureError, type Clock } from '@perdure/domain';

import { OperationStore, type Driver } from '../../operation-store.ts';
import type { OperationArgs, OperationName, OperationResult } from '../../operations/index.ts';
import type { Store } from '../../store.ts';
import { dumpKeys } from './dump-keys.ts';
import { library } from './generated/library.ts';
import { RedisCell } from './redis-cell.ts';
import { RedisLibrary } from './redis-library.ts';
import { openRedisNodes, type RedisNodes } from './redis-nodes.ts';
import { parseRedisUrl } from './redis-url.ts';
import { repeatCommand } from './repeat-command.ts';

export interface RedisCellsOptions {
  /** See `parseRedisUrl`: one server, a primary behind sentinels, or a cluster. */
  url: string;
  /** Fixed for the life of the data. */
  cells: number;
  /** Replicas that `durable()` waits for; 0 by default. */
  waitReplicas?: number;
  /** Only for tests: without it operations take the time of the server. */
  clock?: Clock;
  /** In front of every key, for installations that share a Redis; '' by default. No braces. */
  keyPrefix?: string;
}

/**
 * Opens all cells, by number, over shared connections: one to each primary, and a second one where `durable()` has
 * something to wait for. They are closed with the last cell.
 *
 * Rejects with a `PerdureError`: `STORE_URL_INVALID`; `STORE_UNAVAILABLE` when Redis does not answer; `STORE_TOO_OLD`, or
 * `STORE_EVICTS` when it may evict live state, of any primary (one that takes over later is checked when it does);
 * `STORE_CELLS_DIFFER` when the data was made with another number of cells. Operations are loaded when they are missing.
 *
 * `durable()` waits for the flush of the append-only file where the server tells of it (7.2 and later); elsewhere it
 * promises what the server's `appendfsync` does: nothing lost with `always`, the last second with `everysec`. It waits for
 * `waitReplicas` replicas to have everything, too, and rejects with `STORE_UNAVAILABLE` when either takes too long.
 */
export async function openRedisCells(options: RedisCellsOptions): Promise<Store[]> {
  const nodes = openRedisNodes(parseRedisUrl(options.url));
  try {
    const cells = Array.from({ length: options.cells }, (_, number) => openCell(number, nodes, options));
    await checkPrimaries(nodes);
    await fixNumberOfCells(cells);
    const users = new NodesUsers(nodes, cells.length);
    return cells.map((cell) => new OperationStore(new RedisDriver(cell, users, options.clock)));
  } catch (error) {
    await nodes.close();
    throw error;
  }
}

function openCell(
  number: number,
  nodes: RedisNodes,
  { keyPrefix = '', waitReplicas = 0 }: RedisCellsOptions,
): RedisCell {
  return new RedisCell({ name: `c${number}`, nodes, keyPrefix, waitReplicas });
}

/** Each connection checks its server; here each is made to exist, also to primaries without a cell. */
function checkPrimaries(nodes: RedisNodes): Promise<void> {
  return repeatCommand({
    operation: 'open',
    attempt: async () => {
      const primaries = await nodes.primaries();
      await Promise.all(primaries.map((node) => node.send((redis) => redis.ping())));
    },
    learn: (error) => nodes.learn(error, undefined),
  });
}

/** Runs are found by the number of cells: with another one, what is stored would be looked for in the wrong places. */
async function fixNumberOfCells(cells: RedisCell[]): Promise<void> {
  const [home] = cells;
  if (home === undefined) throw new RangeError('there must be a cell');
  const key = home.keyBeside('cells');
  const stored = await home.send('open', (node) =>
    // The first opener writes it; nobody ever changes it.
    node.send(async (redis) => (await redis.set(key, cells.length, 'NX', 'GET')) ?? String(cells.length)),
  );
  if (stored === String(cells.length)) return;
  throw new PerdureError(
    'STORE_CELLS_DIFFER',
    `this data has ${stored} cells, and is to be opened with ${cells.length}: the number is fixed for the life of the data`,
    { stored: Number(stored), given: cells.length },
  );
}

/** Closes the connections with the last of those who use them. */
class NodesUsers {
  readonly #nodes: RedisNodes;
  #left: number;

  constructor(nodes: RedisNodes, count: number) {
    this.#nodes = nodes;
    this.#left = count;
  }

  async leave(): Promise<void> {
    this.#left -= 1;
    if (this.#left === 0) await this.#nodes.close();
  }
}

class RedisDriver implements Driver {
  readonly #cell: RedisCell;
  readonly #operations: RedisLibrary;
  #users: NodesUsers | undefined;

  constructor(cell: RedisCell, users: NodesUsers, clock: Clock | undefined) {
    this.#cell = cell;
    this.#operations = new RedisLibrary({ cell, library, clock });
    this.#users = users;
  }

  async run<Name extends OperationName>(name: Name, args: OperationArgs<Name>): Promise<OperationResult<Name>> {
    // The library is made of these very operations: what comes back has their types.
    return (await this.#operations.call(name, args)) as OperationResult<Name>;
  }

  dump(): Promise<Record<string, unknown>> {
    return dumpKeys(this.#operations);
  }

  durable(): Promise<void> {
    return this.#cell.durable();
  }

  epoch(): Promise<string> {
    return this.#cell.epoch();
  }

  /** Repeatable. */
  async close(): Promise<void> {
    const users = this.#users;
    this.#users = undefined;
    await users?.leave();
  }
}
