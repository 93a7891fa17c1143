import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { describeWithService } from '@perdure/testing/services/vitest';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { dumpAll, EmbeddedTx } from '../embedded/embedded-tx.ts';
import { SqliteTable } from '../embedded/sqlite-table.ts';
import { compileLibrary } from './build/compile-library.ts';
import { dumpKeys } from './dump-keys.ts';
import { play, type TxAnswer, type TxCall } from './lua/tx-player.ts';
import { RedisCell } from './redis-cell.ts';
import { RedisLibrary } from './redis-library.ts';
import { openRedisNodes, type RedisNodes } from './redis-nodes.ts';
import { parseRedisUrl } from './redis-url.ts';

/**
 * The commands of `Tx` mean the same on both drivers: random sequences are played on SQLite and, compiled, on Redis; each
 * answer and, at the end, every key must be equal.
 */
describeWithService('redis', 'the commands of operations', ({ url }) => {
  const library = compileLibrary(join(import.meta.dirname, 'lua/tx-player-library.ts'));
  let nodes: RedisNodes;

  beforeAll(async () => {
    nodes = openRedisNodes(parseRedisUrl(url));
  });
  afterAll(async () => {
    await nodes.close();
  });

  async function playOnBoth(operations: TxCall[][]): Promise<void> {
    const redis = new RedisLibrary({ cell: new RedisCell({ name: randomUUID(), nodes }), library });
    const table = new SqliteTable(':memory:');
    const tx = new EmbeddedTx(table);
    for (const calls of operations) {
      const onSqlite = table.transact(() => {
        const answers = play(tx, 0, calls);
        tx.flush();
        return answers;
      });

      const onRedis = (await redis.call('play', calls)) as TxAnswer[];

      expect(onRedis.map((answer, index) => canonical(calls[index], answer))).toEqual(
        onSqlite.map((answer, index) => canonical(calls[index], answer)),
      );
    }
    expect(await dumpKeys(redis)).toEqual(dumpAll(table));
    table.close();
  }

  test('random sequences answer and leave the same on SQLite and on Redis', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(aCall(), { minLength: 1, maxLength: 12 }), { maxLength: 8 }), playOnBoth),
      { numRuns: 300 },
    );
  });

  test('lists keep their order', async () => {
    expect.hasAssertions();
    const puts = Array.from({ length: 120 }, (_, index) => ({ command: 'lput', key: 'l', index, value: `v${index}` }));

    await playOnBoth([puts, [{ command: 'lrange', key: 'l' }], [{ command: 'ldrop', key: 'l' }]]);
  });

  test('a moved document is all that is at its new key, and nothing is left at the old one', async () => {
    expect.hasAssertions();
    const hset = (key: string, field: string) => ({ command: 'hset', key, fields: { [field]: key } });
    const read = ['h1', 'h2'].map((key) => ({ command: 'hgetall', key }));
    const move = { command: 'hmove', key: 'h1', to: 'h2' };

    await playOnBoth([[hset('h1', 'a')], [hset('h2', 'b')], [hset('h1', 'c'), move, ...read, hset('h2', 'd')], read]);
  });

  test('a document of thousands of fields is written and read whole', async () => {
    expect.hasAssertions();
    const fields = Object.fromEntries(Array.from({ length: 9000 }, (_, index) => [`field-${index}`, 'value']));

    await playOnBoth([[{ command: 'hset', key: 'h', fields }], [{ command: 'hgetall', key: 'h' }]]);
  });
});

/** What Lua cannot tell apart, or what has no order: an empty record from an empty array, the order of a map. */
function canonical(call: TxCall | undefined, { answer }: TxAnswer): unknown {
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

function aCall(): fc.Arbitrary<TxCall> {
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
    call('zfirst', 'z', { max }),
    call('zupto', 'z', { score: scores, max }),
    call('zafter', 'z', { score: scores, max }),
  );
}
