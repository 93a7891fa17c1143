import fc from 'fast-check';

import type { TxAnswer, TxCall } from '../drivers/redis/lua/tx-player.ts';

/** What Lua cannot tell apart, or what has no order: an empty record from an empty array, the order of a map. */
export function canonicalAnswer(call: TxCall | undefined, { answer }: TxAnswer): unknown {
  if (typeof answer === 'object' && answer !== null && Object.keys(answer).length === 0) return 'empty';
  if (call?.command === 'mall' && Array.isArray(answer)) return new Map(answer);
  return answer ?? undefined;
}

/** Few names, so that calls meet; some of them hard on encodings and orders. */
const names = fc.oneof(fc.constantFrom('a', 'b', 'aa', 'B', 'é', '😀', '￿', '1', '01', '-', 'a b', 'constructor'));
/** Fields of documents are the operations' own names. */
const fields = fc.constantFrom('a', 'b', 'st', '1', '01');
const texts = fc.oneof(names, fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom('', '0', '12', 'null'));
const scores = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(1_893_456_000_000, 1_893_456_000_000_123, 3_999_999_999_999_999, -3_999_999_999_999_999),
);
/** Sums stay below 2^53, where numbers are exact. */
const steps = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(-1, 1_893_456_000_000));
const max = fc.integer({ min: 0, max: 5 });

/** Any command but those on lists, which grow in order, and `hmove`. */
export function aTxCall(): fc.Arbitrary<TxCall> {
  const call = (command: string, keyKind: string, args: Record<string, fc.Arbitrary<unknown>> = {}) =>
    fc.record({ command: fc.constant(command), key: fc.constantFrom(`${keyKind}1`, `${keyKind}2`), ...args });
  return fc.oneof(
    call('hget', 'h', { field: fields }),
    call('hgetall', 'h'),
    call('hset', 'h', { fields: fc.dictionary(fields, texts, { minKeys: 1, noNullPrototype: true }) }),
    call('hincr', 'n', { field: fields, by: steps }),
    call('hget', 'n', { field: fields }),
    call('hdel', 'h', { field: fields }),
    call('hdrop', 'h'),
    call('mget', 'm', { field: names }),
    call('mhas', 'm', { field: names }),
    call('mset', 'm', { field: names, value: texts }),
    call('madd', 'm', { field: names, value: texts }),
    call('mdel', 'm', { field: names }),
    call('mall', 'm'),
    call('mdrop', 'm'),
    call('get', 't'),
    call('has', 't'),
    call('set', 't', { value: texts }),
    call('drop', 't'),
    call('sadd', 's', { member: names }),
    call('srem', 's', { member: names }),
    call('scard', 's'),
    call('smembers', 's', { max }),
    call('sismember', 's', { member: names }),
    call('sdrop', 's'),
    call('zadd', 'z', { score: scores, member: names }),
    call('zrem', 'z', { member: names }),
    call('zscore', 'z', { member: names }),
    call('zcard', 'z'),
    call('zrank', 'z', { member: names }),
    call('zfirst', 'z', { max }),
    call('zupto', 'z', { score: scores, max }),
    call('zafter', 'z', { score: scores, max }),
  );
}
