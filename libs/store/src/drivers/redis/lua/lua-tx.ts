import type { Tx } from '../../../operations/tx.ts';

/** What Redis gives to Lua. An absent value is `false` there, a score is a string, a number is a double. */
declare const redis: {
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its command answers
  call<Reply>(this: void, command: string, ...args: (string | number)[]): Reply;
};
declare const string: { format(this: void, format: string, value: number): string };
declare const table: { sort(this: void, list: string[]): void };
declare function tonumber(this: void, text: string): number;

/** Arguments of one command: Lua puts them on its stack, which holds 8000. */
const UNPACKED_MAX = 1000;

/**
 * A set of up to this many members is answered in their order, as the embedded driver does, so that what an operation does with them is
 * the same on every server: Redis' own order is that of a hash with a random seed.
 */
const SORTED_MAX = 1000;

/** `Tx` over the commands of Redis. There is one: calls of a Redis server do not overlap. */
export interface LuaTx extends Tx {
  /** Stands in front of each key: the cell's. */
  prefix: string;
}

export const luaTx: LuaTx = {
  prefix: '',

  hget(key, field) {
    return valueOf(redis.call('HGET', this.prefix + key, field));
  },
  hgetall(key) {
    const flat = redis.call<string[]>('HGETALL', this.prefix + key);
    if (flat.length === 0) return undefined;
    const fields: Record<string, string> = {};
    for (let i = 0; i < flat.length; i += 2) fields[flat[i]!] = flat[i + 1]!;
    return fields;
  },
  hset(key, fields) {
    let flat: string[] = [];
    for (const field in fields) {
      flat.push(field, fields[field]!);
      if (flat.length >= UNPACKED_MAX) {
        redis.call('HSET', this.prefix + key, ...flat);
        flat = [];
      }
    }
    if (flat.length > 0) redis.call('HSET', this.prefix + key, ...flat);
  },
  hincr(key, field, by) {
    return redis.call('HINCRBY', this.prefix + key, field, by);
  },
  hdel(key, field) {
    redis.call('HDEL', this.prefix + key, field);
  },

  mget(key, field) {
    return valueOf(redis.call('HGET', this.prefix + key, field));
  },
  mhas(key, field) {
    return redis.call('HEXISTS', this.prefix + key, field) === 1;
  },
  mset(key, field, value) {
    redis.call('HSET', this.prefix + key, field, value);
  },
  madd(key, field, value) {
    return redis.call('HSETNX', this.prefix + key, field, value) === 1;
  },
  mdel(key, field) {
    redis.call('HDEL', this.prefix + key, field);
  },
  mall(key) {
    const flat = redis.call<string[]>('HGETALL', this.prefix + key);
    const entries: [string, string][] = [];
    for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, flat[i + 1]!]);
    return entries;
  },

  get(key) {
    return valueOf(redis.call('GET', this.prefix + key));
  },
  has(key) {
    return redis.call('EXISTS', this.prefix + key) === 1;
  },
  set(key, value) {
    redis.call('SET', this.prefix + key, value);
  },

  sadd(key, member) {
    return redis.call('SADD', this.prefix + key, member) === 1;
  },
  srem(key, member) {
    return redis.call('SREM', this.prefix + key, member) === 1;
  },
  scard(key) {
    return redis.call('SCARD', this.prefix + key);
  },
  smembers(key, max) {
    if (max <= 0) return [];
    const isLarge = redis.call<number>('SCARD', this.prefix + key) > SORTED_MAX;
    if (isLarge && max <= SORTED_MAX) return redis.call('SRANDMEMBER', this.prefix + key, max);
    const members = redis.call<string[]>('SMEMBERS', this.prefix + key);
    table.sort(members);
    return members.length > max ? members.slice(0, max) : members;
  },
  sismember(key, member) {
    return redis.call('SISMEMBER', this.prefix + key, member) === 1;
  },

  zadd(key, score, member) {
    redis.call('ZADD', this.prefix + key, score, member);
  },
  zrem(key, member) {
    return redis.call('ZREM', this.prefix + key, member) === 1;
  },
  zscore(key, member) {
    const score = redis.call<string | false>('ZSCORE', this.prefix + key, member);
    return score === false ? undefined : tonumber(score);
  },
  zcard(key) {
    return redis.call('ZCARD', this.prefix + key);
  },
  zfirst(key, max) {
    if (max <= 0) return [];
    return scored(redis.call('ZRANGE', this.prefix + key, 0, max - 1, 'WITHSCORES'));
  },
  zupto(key, score, max) {
    const to = string.format('%.17g', score);
    return scored(
      redis.call('ZRANGEBYSCORE', this.prefix + key, '-inf', to, 'WITHSCORES', 'LIMIT', 0, Math.max(0, max)),
    );
  },
  zafter(key, score, max) {
    const above = '(' + string.format('%.17g', score);
    return scored(
      redis.call('ZRANGEBYSCORE', this.prefix + key, above, '+inf', 'WITHSCORES', 'LIMIT', 0, Math.max(0, max)),
    );
  },

  lput(key, _index, value) {
    redis.call('RPUSH', this.prefix + key, value);
  },
  lrange(key) {
    return redis.call('LRANGE', this.prefix + key, 0, -1);
  },

  hdrop(key) {
    redis.call('DEL', this.prefix + key);
  },
  mdrop(key) {
    redis.call('UNLINK', this.prefix + key);
  },
  drop(key) {
    redis.call('DEL', this.prefix + key);
  },
  sdrop(key) {
    redis.call('UNLINK', this.prefix + key);
  },
  ldrop(key) {
    redis.call('UNLINK', this.prefix + key);
  },
};

function valueOf(reply: string | false): string | undefined {
  return reply === false ? undefined : reply;
}

function scored(flat: string[]): [string, number][] {
  const entries: [string, number][] = [];
  for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, tonumber(flat[i + 1]!)]);
  return entries;
}
