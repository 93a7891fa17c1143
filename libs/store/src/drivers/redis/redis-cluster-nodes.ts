import type { RedisOptions } from 'ioredis';

import { RedisConnection } from './redis-connection.ts';
import { isRetryable, movedTo } from './redis-errors.ts';
import { RedisNode } from './redis-node.ts';
import type { RedisNodes } from './redis-nodes.ts';
import type { RedisHost, RedisPlace } from './redis-url.ts';

/** A server that does not tell where the slots are within this is passed over. */
const MAP_TIMEOUT_MS = 1_000;

/** Slots with the address of their primary, as a node of the cluster tells. */
interface SlotMap {
  ranges: { from: number; to: number; primary: string }[];
  /** Of all nodes, replicas included: whom to ask next time. */
  addresses: string[];
}

/**
 * The primaries of a Redis Cluster. The map of slots is asked for when it is first needed and after failures, never on a
 * timer: a cell has one slot, and whoever lost it says who has it.
 *
 * Not the client's own cluster mode: while no node answers it queues commands without bound, a node that stopped costs up
 * to 16 redirections of a timeout each, and it has no way to send something to the node of a slot, which loading a
 * library and waiting for a flush need.
 */
export class RedisClusterNodes implements RedisNodes {
  readonly #place: RedisPlace;
  readonly #nodes = new Map<string, RedisNode>();
  /** What single failures told since the map was read. */
  readonly #moved = new Map<number, string>();
  #map: SlotMap | undefined;
  #reading: Promise<void> | undefined;

  constructor(place: RedisPlace) {
    this.#place = place;
  }

  async nodeOf(slot: number): Promise<RedisNode> {
    if (this.#map === undefined) await this.#readMap();
    const primary =
      this.#moved.get(slot) ?? this.#map?.ranges.find(({ from, to }) => from <= slot && slot <= to)?.primary;
    if (primary === undefined) throw new Error(`CLUSTERDOWN no node has the slot ${slot}`);
    return this.#nodeAt(primary);
  }

  async primaries(): Promise<RedisNode[]> {
    await this.#readMap();
    return [...new Set(this.#map?.ranges.map(({ primary }) => primary))].map((address) => this.#nodeAt(address));
  }

  async learn(failure: unknown, node: RedisNode | undefined): Promise<void> {
    const moved = movedTo(failure);
    if (moved !== undefined) {
      // A node that does not know its own name leaves the host out.
      this.#moved.set(moved.slot, addressOf({ host: moved.host || (node?.host ?? ''), port: moved.port }));
      return;
    }
    try {
      // Who fails may have been replaced.
      await this.#readMap();
    } catch (error) {
      // That nobody tells is no reason to give up: the command is repeated until its time is over.
      if (!isRetryable(error)) throw error;
    }
  }

  #nodeAt(address: string): RedisNode {
    const known = this.#nodes.get(address);
    if (known !== undefined) return known;
    const { host, port } = hostOf(address);
    const node = new RedisNode(host, this.#optionsFor({ host, port }));
    this.#nodes.set(address, node);
    return node;
  }

  #optionsFor({ host, port }: RedisHost): RedisOptions {
    const { isTls, username, password } = this.#place;
    return {
      host,
      port,
      enableReadyCheck: false,
      ...(isTls && { tls: {} }),
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
    };
  }

  /** Those who ask meanwhile share the answer. */
  #readMap(): Promise<void> {
    this.#reading ??= this.#askForMap().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #askForMap(): Promise<void> {
    const candidates = new Set([...shuffled(this.#map?.addresses ?? []), ...this.#place.hosts.map(addressOf)]);
    let lastError: unknown;
    for (const address of candidates) {
      try {
        this.#useMap(await this.#askNode(hostOf(address)));
        return;
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError;
  }

  async #askNode(host: RedisHost): Promise<SlotMap> {
    const connection = new RedisConnection(this.#optionsFor(host), { silenceMaxMs: MAP_TIMEOUT_MS });
    try {
      return parseSlots(await connection.send((redis) => redis.cluster('SLOTS')), host.host);
    } finally {
      await connection.close();
    }
  }

  #useMap(map: SlotMap): void {
    this.#map = map;
    this.#moved.clear();
    for (const [address, node] of this.#nodes) {
      if (map.addresses.includes(address)) continue;
      this.#nodes.delete(address);
      void node.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.close()));
  }
}

/** CLUSTER SLOTS: [from, to, primary, ...replicas], a node being [host, port, ...]. `asked`: the host that answered. */
function parseSlots(reply: unknown, asked: string): SlotMap {
  const map: SlotMap = { ranges: [], addresses: [] };
  for (const entry of asArray(reply)) {
    const [from, to, ...nodes] = asArray(entry);
    const addresses = nodes.map(asArray).map(([host, port]) => {
      // A node that does not know its own name, or may not tell, leaves it out.
      return addressOf({ host: typeof host === 'string' && host !== '' ? host : asked, port: Number(port) });
    });
    const [primary] = addresses;
    if (primary !== undefined) map.ranges.push({ from: Number(from), to: Number(to), primary });
    map.addresses.push(...addresses);
  }
  if (map.ranges.length === 0) throw new Error('CLUSTERDOWN the node knows of no slots');
  return map;
}

function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The port comes last, also after the colons of an IPv6 address. */
function addressOf({ host, port }: RedisHost): string {
  return `${host}:${port}`;
}

function hostOf(address: string): RedisHost {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/** So that not all processes ask the same node. */
function shuffled(addresses: string[]): string[] {
  return addresses
    .map((address) => ({ address, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ address }) => address);
}
