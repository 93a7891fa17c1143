import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { describeWithService } from '@perdure/testing/services/vitest';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { aTxCall, canonicalAnswer } from '../../contract/tx-calls.contract.ts';
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

      expect(onRedis.map((answer, index) => canonicalAnswer(calls[index], answer))).toEqual(
        onSqlite.map((answer, index) => canonicalAnswer(calls[index], answer)),
      );
    }
    expect(await dumpKeys(redis)).toEqual(dumpAll(table));
    table.close();
  }

  test('random sequences answer and leave the same on SQLite and on Redis', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(aTxCall(), { minLength: 1, maxLength: 12 }), { maxLength: 8 }), playOnBoth),
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
