import type { Redis } from 'ioredis';

import type { RedisNode } from './redis-node.ts';
import { openRedisNodes } from './redis-nodes.ts';
import { parseInfo } from './redis-server.ts';
import { parseRedisUrl } from './redis-url.ts';
import { repeatCommand } from './repeat-command.ts';

/** A primary, as an operator wants to see it. */
export interface RedisDescription {
  /** What other servers of its cluster know it by; a single one by its address. */
  host: string;
  version: string;
  maxmemoryPolicy: string;
  /** 0: no limit. */
  memoryBytesMax: number;
  memoryBytes: number;
  replicas: number;
  /** Whether it keeps an append-only file, and could write to it last time. */
  appendOnlyFile: 'off' | 'on' | 'failing';
  /** `always`, `everysec` or `no`; absent where the server does not tell. */
  appendFsync?: string;
  /** Milliseconds that its clock is ahead of this machine's. */
  clockAheadMs: number;
}

/**
 * The primaries at the address, for an operator; changes nothing. Rejects as `openRedisCells` when one cannot be used:
 * `STORE_UNAVAILABLE`, `STORE_TOO_OLD`, `STORE_EVICTS`.
 */
export async function describeRedis({ url }: { url: string }): Promise<RedisDescription[]> {
  const nodes = openRedisNodes(parseRedisUrl(url));
  try {
    return await repeatCommand({
      operation: 'describe',
      attempt: async () => Promise.all((await nodes.primaries()).map(describeNode)),
      learn: (error) => nodes.learn(error, undefined),
    });
  } finally {
    await nodes.close();
  }
}

function describeNode(node: RedisNode): Promise<RedisDescription> {
  return node.send(async (redis) => {
    const askedAt = Date.now();
    const [seconds = 0, microseconds = 0] = await redis.time();
    const ownAt = (askedAt + Date.now()) / 2;
    const info = parseInfo(await redis.info());
    const appendFsync = await readAppendFsync(redis);
    const isFailing = info.get('aof_last_write_status') !== 'ok';
    return {
      host: node.host,
      version: info.get('redis_version') ?? 'unknown',
      maxmemoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
      memoryBytesMax: Number(info.get('maxmemory') ?? 0),
      memoryBytes: Number(info.get('used_memory') ?? 0),
      replicas: Number(info.get('connected_slaves') ?? 0),
      appendOnlyFile: info.get('aof_enabled') !== '1' ? 'off' : isFailing ? 'failing' : 'on',
      ...(appendFsync !== undefined && { appendFsync }),
      clockAheadMs: Math.round(seconds * 1_000 + microseconds / 1_000 - ownAt),
    };
  });
}

/** CONFIG is forbidden where Redis is rented. */
async function readAppendFsync(redis: Redis): Promise<string | undefined> {
  try {
    const [, value] = await redis.config('GET', 'appendfsync');
    return value;
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') return undefined;
    throw error;
  }
}
