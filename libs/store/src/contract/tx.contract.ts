import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { dumpAll, EmbeddedTx } from '../drivers/embedded/embedded-tx.ts';
import { SqliteTable } from '../drivers/embedded/sqlite-table.ts';
import { play, type TxCall } from '../drivers/redis/lua/tx-player.ts';
import type { Tx } from '../operations/tx.ts';
import { aTxCall, canonicalAnswer } from './tx-calls.contract.ts';

/** An empty `Tx` of its own, and what it holds in the form of `Store.dump`. */
export type OpenTx = () => { tx: Tx; dump: () => Record<string, unknown> };

/** The commands of `Tx` mean the same as in the embedded driver: random sequences get the same answers and leave the same. */
export function describeTx(name: string, open: OpenTx): void {
  describe(`commands of operations, ${name}`, () => {
    function expectSame(operations: TxCall[][]): void {
      const table = new SqliteTable(':memory:');
      const embedded = new EmbeddedTx(table);
      const { tx, dump } = open();
      for (const calls of operations) {
        const expected = table.transact(() => {
          const answers = play(embedded, 0, calls);
          embedded.flush();
          return answers;
        });

        const answers = play(tx, 0, calls);

        expect(answers.map((answer, index) => canonicalAnswer(calls[index], answer))).toEqual(
          expected.map((answer, index) => canonicalAnswer(calls[index], answer)),
        );
      }
      expect(dump()).toEqual(dumpAll(table));
      table.close();
    }

    test('random sequences answer and leave the same as on SQLite', () => {
      expect.hasAssertions();
      const operations = fc.array(fc.array(aTxCall(), { minLength: 1, maxLength: 12 }), { maxLength: 8 });
      fc.assert(fc.property(operations, expectSame), { numRuns: 500 });
    });

    test('lists keep their order, and are dropped whole', () => {
      expect.hasAssertions();
      const puts = Array.from({ length: 120 }, (_, index) => ({
        command: 'lput',
        key: 'l',
        index,
        value: `v${index}`,
      }));

      expectSame([puts, [{ command: 'lrange', key: 'l' }], [{ command: 'ldrop', key: 'l' }]]);
    });

    test('a moved document is all that is at its new key, and nothing is left at the old one', () => {
      expect.hasAssertions();
      const hset = (key: string, field: string) => ({ command: 'hset', key, fields: { [field]: key } });
      const read = ['h1', 'h2'].map((key) => ({ command: 'hgetall', key }));
      const move = { command: 'hmove', key: 'h1', to: 'h2' };

      expectSame([[hset('h1', 'a')], [hset('h2', 'b')], [hset('h1', 'c'), move, ...read, hset('h2', 'd')], read]);
    });
  });
}
