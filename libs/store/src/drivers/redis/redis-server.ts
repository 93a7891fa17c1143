import { PerdureError } from '@perdure/domain';
import type { Redis } from 'ioredis';

/** What the driver has to know of a server, from INFO: CONFIG is often forbidden. */
export interface RedisServer {
  version: string;
  maxmemoryPolicy: string;
  isReplica: boolean;
  /** It has an append-only file and WAITAOF, so it can tell when what was written is flushed. */
  reportsFlush: boolean;
  /** Names its life as a primary: another one after a restart, and after another server took its place. */
  epoch: string;
}

/** The first with Redis Functions. */
const OLDEST = [7, 0];
/** The first with WAITAOF. */
const WAITAOF_SINCE = [7, 2];

export async function readServer(redis: Redis): Promise<RedisServer> {
  const info = parseInfo(await redis.info());
  // Valkey tells the version of Redis that it is compatible with here, and its own elsewhere.
  const version = info.get('redis_version') ?? '0.0';
  return {
    version,
    maxmemoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
    isReplica: info.get('role') === 'slave',
    reportsFlush: info.get('aof_enabled') === '1' && isAtLeast(version, WAITAOF_SINCE),
    // The process, and the history of what it replicates: one that was a replica for a while goes on with another's.
    epoch: `${info.get('run_id') ?? ''}.${info.get('master_replid') ?? ''}`,
  };
}

/** Throws when live run state would not be safe on this server. */
export function checkServer(server: RedisServer): void {
  const { version, maxmemoryPolicy } = server;
  if (!isAtLeast(version, OLDEST)) {
    throw new PerdureError('STORE_TOO_OLD', `Redis ${OLDEST.join('.')} or later is needed, this is ${version}`, {
      version,
    });
  }
  if (maxmemoryPolicy !== 'noeviction') {
    throw new PerdureError(
      'STORE_EVICTS',
      `Redis must keep all run state: set maxmemory-policy to noeviction, it is ${maxmemoryPolicy}`,
      { maxmemoryPolicy },
    );
  }
}

export function parseInfo(text: string): Map<string, string> {
  const entries = text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(entries.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

function isAtLeast(version: string, [major = 0, minor = 0]: number[]): boolean {
  const [foundMajor = 0, foundMinor = 0] = version.split('.').map(Number);
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}
