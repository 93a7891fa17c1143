import type { Redis } from 'ioredis';

/** Keys that one SCAN looks at. */
const SCAN_COUNT = 1_000;

/**
 * Every key that starts with `prefix`, without it, with its content in the form that all drivers give it: strings,
 * records for hashes, arrays for lists and (sorted) sets, pairs [member, score] for sorted sets.
 */
export async function dumpKeys(redis: Redis, prefix: string): Promise<Record<string, unknown>> {
  const keys = new Set<string>();
  for await (const page of redis.scanStream({ match: `${escapeGlob(prefix)}*`, count: SCAN_COUNT })) {
    for (const key of page) keys.add(key);
  }
  const entries = await Promise.all(
    [...keys].toSorted(compareBytes).map(async (key) => [key.slice(prefix.length), await dumpKey(redis, key)] as const),
  );
  return Object.fromEntries(entries);
}

async function dumpKey(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key);
  switch (type) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return (await redis.smembers(key)).toSorted(compareBytes);
    case 'zset':
      return pairs(await redis.zrange(key, '0', '-1', 'WITHSCORES'));
    default:
      throw new Error(`expected a kind of key that operations use, found ${type} at ${key}`);
  }
}

/** The order of JavaScript, by UTF-16 units, is another. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function pairs(flat: string[]): [string, number][] {
  return flat.flatMap((member, index) => (index % 2 === 0 ? [[member, Number(flat[index + 1])]] : []));
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}
