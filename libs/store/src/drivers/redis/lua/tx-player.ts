import type { Tx } from '../../../operations/tx.ts';

/** One command of `Tx` as data, for tests that play the same commands on several implementations. */
export interface TxCall {
  command: string;
  key: string;
  field?: string;
  fields?: Record<string, string>;
  value?: string;
  member?: string;
  score?: number;
  max?: number;
  by?: number;
  index?: number;
  to?: string;
}

/** `answer` is absent where the command answers nothing or undefined. */
export interface TxAnswer {
  answer?: unknown;
}

/** Plays the calls in order, as one operation. */
export function play(tx: Tx, _now: number, calls: TxCall[]): TxAnswer[] {
  const answers: TxAnswer[] = [];
  for (const call of calls) answers.push({ answer: commands[call.command]!(tx, call) });
  return answers;
}

const commands: Record<string, (tx: Tx, call: TxCall) => unknown> = {
  hget: (tx, { key, field }) => tx.hget(key, field!),
  hgetall: (tx, { key }) => tx.hgetall(key),
  hset: (tx, { key, fields }) => tx.hset(key, fields!),
  hincr: (tx, { key, field, by }) => tx.hincr(key, field!, by!),
  hdel: (tx, { key, field }) => tx.hdel(key, field!),
  hmove: (tx, { key, to }) => tx.hmove(key, to!),
  mget: (tx, { key, field }) => tx.mget(key, field!),
  mhas: (tx, { key, field }) => tx.mhas(key, field!),
  mset: (tx, { key, field, value }) => tx.mset(key, field!, value!),
  madd: (tx, { key, field, value }) => tx.madd(key, field!, value!),
  mdel: (tx, { key, field }) => tx.mdel(key, field!),
  mall: (tx, { key }) => tx.mall(key),
  get: (tx, { key }) => tx.get(key),
  has: (tx, { key }) => tx.has(key),
  set: (tx, { key, value }) => tx.set(key, value!),
  sadd: (tx, { key, member }) => tx.sadd(key, member!),
  srem: (tx, { key, member }) => tx.srem(key, member!),
  scard: (tx, { key }) => tx.scard(key),
  smembers: (tx, { key, max }) => tx.smembers(key, max!),
  sismember: (tx, { key, member }) => tx.sismember(key, member!),
  zadd: (tx, { key, score, member }) => tx.zadd(key, score!, member!),
  zrem: (tx, { key, member }) => tx.zrem(key, member!),
  zscore: (tx, { key, member }) => tx.zscore(key, member!),
  zcard: (tx, { key }) => tx.zcard(key),
  zrank: (tx, { key, member }) => tx.zrank(key, member!),
  zfirst: (tx, { key, max }) => tx.zfirst(key, max!),
  zupto: (tx, { key, score, max }) => tx.zupto(key, score!, max!),
  zafter: (tx, { key, score, max }) => tx.zafter(key, score!, max!),
  lput: (tx, { key, index, value }) => tx.lput(key, index!, value!),
  lrange: (tx, { key }) => tx.lrange(key),
  hdrop: (tx, { key }) => tx.hdrop(key),
  mdrop: (tx, { key }) => tx.mdrop(key),
  drop: (tx, { key }) => tx.drop(key),
  sdrop: (tx, { key }) => tx.sdrop(key),
  ldrop: (tx, { key }) => tx.ldrop(key),
};
