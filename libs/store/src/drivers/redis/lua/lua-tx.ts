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

const { call } = redis;

/** Stands in front of each key: the cell's of the call that runs. */
let prefix = '';

/** Before each operation. */
export function useCell(cellPrefix: string): void {
  prefix = cellPrefix;
}

/** `Tx` over the commands of Redis. There is one: calls of a Redis server do not overlap. */
export const luaTx: Tx = {
  hget(key, field) {
    return valueOf(call('HGET', prefix + key, field));
  },
  hgetall(key) {
    const flat = call<string[]>('HGETALL', prefix + key);
    const length = flat.length;
    if (length === 0) return undefined;
    const fields: Record<string, string> = {};
    for (let i = 0; i < length; i += 2) fields[flat[i]!] = flat[i + 1]!;
    return fields;
  },
  hset(key, fields) {
    // By index: what `push` is compiled to makes a table of its arguments.
    let flat: string[] = [];
    let length = 0;
    for (const field in fields) {
      flat[length] = field;
      flat[length + 1] = fields[field]!;
      length += 2;
      if (length >= UNPACKED_MAX) {
        call('HSET', prefix + key, ...flat);
        flat = [];
        length = 0;
      }
    }
    if (length > 0) call('HSET', prefix + key, ...flat);
  },
  hincr(key, field, by) {
    return call('HINCRBY', prefix + key, field, by);
  },
  hdel(key, field) {
    call('HDEL', prefix + key, field);
  },
  hmove(key, to) {
    call('RENAME', prefix + key, prefix + to);
  },

  mget(key, field) {
    return valueOf(call('HGET', prefix + key, field));
  },
  mhas(key, field) {
    return call('HEXISTS', prefix + key, field) === 1;
  },
  mset(key, field, value) {
    call('HSET', prefix + key, field, value);
  },
  madd(key, field, value) {
    return call('HSETNX', prefix + key, field, value) === 1;
  },
  mdel(key, field) {
    call('HDEL', prefix + key, field);
  },
  mall(key) {
    const flat = call<string[]>('HGETALL', prefix + key);
    const length = flat.length;
    const entries: [string, string][] = [];
    for (let i = 0; i < length; i += 2) entries[i / 2] = [flat[i]!, flat[i + 1]!];
    return entries;
  },

  get(key) {
    return valueOf(call('GET', prefix + key));
  },
  has(key) {
    return call('EXISTS', prefix + key) === 1;
  },
  set(key, value) {
    call('SET', prefix + key, value);
  },

  sadd(key, member) {
    return call('SADD', prefix + key, member) === 1;
  },
  srem(key, member) {
    return call('SREM', prefix + key, member) === 1;
  },
  scard(key) {
    return call('SCARD', prefix + key);
  },
  smembers(key, max) {
    if (max <= 0) return [];
    const size = call<number>('SCARD', prefix + key);
    if (size === 0) return [];
    const isLarge = size > SORTED_MAX;
    if (isLarge && max <= SORTED_MAX) return call('SRANDMEMBER', prefix + key, max);
    const members = call<string[]>('SMEMBERS', prefix + key);
    table.sort(members);
    return members.length > max ? members.slice(0, max) : members;
  },
  sismember(key, member) {
    return call('SISMEMBER', prefix + key, member) === 1;
  },

  zadd(key, score, member) {
    call('ZADD', prefix + key, score, member);
  },
  zrem(key, member) {
    return call('ZREM', prefix + key, member) === 1;
  },
  zscore(key, member) {
    const score = call<string | false>('ZSCORE', prefix + key, member);
    return score === false ? undefined : tonumber(score);
  },
  zcard(key) {
    return call('ZCARD', prefix + key);
  },
  zrank(key, member) {
    const rank = call<number | false>('ZRANK', prefix + key, member);
    return rank === false ? undefined : rank;
  },
  zfirst(key, max) {
    if (max <= 0) return [];
    return scored(call('ZRANGE', prefix + key, 0, max - 1, 'WITHSCORES'));
  },
  zupto(key, score, max) {
    const to = string.format('%.17g', score);
    return scored(call('ZRANGEBYSCORE', prefix + key, '-inf', to, 'WITHSCORES', 'LIMIT', 0, Math.max(0, max)));
  },
  zafter(key, score, max) {
    const above = '(' + string.format('%.17g', score);
    return scored(call('ZRANGEBYSCORE', prefix + key, above, '+inf', 'WITHSCORES', 'LIMIT', 0, Math.max(0, max)));
  },

  lput(key, _index, value) {
    call('RPUSH', prefix + key, value);
  },
  lrange(key) {
    return call('LRANGE', prefix + key, 0, -1);
  },

  hdrop(key) {
    call('DEL', prefix + key);
  },
  mdrop(key) {
    call('UNLINK', prefix + key);
  },
  drop(key) {
    call('DEL', prefix + key);
  },
  sdrop(key) {
    call('UNLINK', prefix + key);
  },
  ldrop(key) {
    call('UNLINK', prefix + key);
  },
};

function valueOf(reply: string | false): string | undefined {
  return reply === false ? undefined : reply;
}

function scored(flat: string[]): [string, number][] {
  const length = flat.length;
  const entries: [string, number][] = [];
  for (let i = 0; i < length; i += 2) entries[i / 2] = [flat[i]!, tonumber(flat[i + 1]!)];
  return entries;
}
