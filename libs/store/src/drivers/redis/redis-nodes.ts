import { assertNever } from '@perdure/domain';
import type { RedisOptions } from 'ioredis';

import { RedisClusterNodes } from './redis-cluster-nodes.ts';
import { isDemoted } from './redis-errors.ts';
import { RedisNode } from './redis-node.ts';
import type { RedisPlace } from './redis-url.ts';

/** The primaries, and which of them has what. */
export interface RedisNodes {
  /** The one that has the slot, as far as is known. */
  nodeOf(slot: number): Promise<RedisNode>;
  /** All that have slots. */
  primaries(): Promise<RedisNode[]>;
  /** Learns what a command's failure tells of them. `node`: where the command went, if it went anywhere. */
  learn(error: unknown, node: RedisNode | undefined): Promise<void>;
  close(): Promise<void>;
}

export function openRedisNodes(place: RedisPlace): RedisNodes {
  switch (place.kind) {
    case 'single':
    case 'sentinel':
      return new OneRedisNode(place);
    case 'cluster':
      return new RedisClusterNodes(place);
    default:
      return assertNever(place.kind);
  }
}

/** One primary that has everything: behind a fixed address, or the one that the sentinels name. */
class OneRedisNode implements RedisNodes {
  readonly #node: RedisNode;

  constructor(place: RedisPlace) {
    this.#node = new RedisNode(
      place.hosts[0]?.host ?? '',
      place.kind === 'single' ? singleOptions(place) : sentinelOptions(place),
    );
  }

  async nodeOf(): Promise<RedisNode> {
    return this.#node;
  }

  async primaries(): Promise<RedisNode[]> {
    return [this.#node];
  }

  /** Who lost the role of the primary may keep its connections: the next one asks again where the primary is. */
  async learn(error: unknown): Promise<void> {
    if (isDemoted(error)) this.#node.cut();
  }

  close(): Promise<void> {
    return this.#node.close();
  }
}

/** A sentinel that does not answer for this long is passed over. */
const SENTINEL_TIMEOUT_MS = 1_000;

function singleOptions(place: RedisPlace): RedisOptions {
  const [{ host, port } = { host: '', port: 0 }] = place.hosts;
  // While it loads its data, commands are refused with LOADING, which is better than waiting blindly.
  return { ...accessOptions(place), host, port, enableReadyCheck: false };
}

function sentinelOptions(place: RedisPlace): RedisOptions {
  const { hosts, masterName, isTls, username, password } = place;
  return {
    ...accessOptions(place),
    sentinels: hosts,
    name: masterName,
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    // The commands that wait for the connection are repeated, and ask the sentinels again.
    sentinelRetryStrategy: () => null,
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
    ...(isTls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  };
}

/** What all connections to servers of the place have in common. */
function accessOptions({ database, isTls, username, password }: RedisPlace): RedisOptions {
  return {
    db: database,
    ...(isTls && { tls: {} }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  };
}
