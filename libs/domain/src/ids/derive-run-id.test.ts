import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deriveRunId } from './derive-run-id.ts';
import { CELLS_MAX, cellOfRun } from './run-cell.ts';
import { encodeUlid, isUlid, ulidTimeMs } from './ulid.ts';

const AT = 1_795_215_794_569;
const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const ulids = fc.uint8Array({ minLength: 10, maxLength: 10 }).map((entropy) => encodeUlid(AT, entropy));
/** Far from where the sum of two starts again at 0. */
const counts = fc.integer({ min: 0, max: 2 ** 40 });

/** The ULID of a counter that starts at `start`, as a process gives them. */
function counted(start: bigint, count: number): string {
  const hex = (start + BigInt(count)).toString(16).padStart(20, '0');
  return encodeUlid(AT, Buffer.from(hex, 'hex'));
}

test('a derived ID is a ULID of the time that tells its cell, the same each time', () => {
  fc.assert(
    fc.property(times, ulids, ulids, fc.integer({ min: 0, max: CELLS_MAX - 1 }), (timeMs, cause, salt, cell) => {
      const runId = deriveRunId({ timeMs, cause, salt, cell });

      expect(isUlid(runId)).toBe(true);
      expect(ulidTimeMs(runId)).toBe(timeMs);
      expect(cellOfRun(runId, CELLS_MAX)).toBe(cell);
      expect(deriveRunId({ timeMs, cause, salt, cell })).toBe(runId);
    }),
  );
});

test('events of one instant give a function runs in their own order', () => {
  const salts = fc.bigInt({ min: 0n, max: 2n ** 69n }).map((salt) => counted(salt, 0));
  const starts = fc.bigInt({ min: 0n, max: 2n ** 68n });
  fc.assert(
    fc.property(starts, counts, counts, salts, (start, a, b, salt) => {
      const runOf = (count: number): string => deriveRunId({ timeMs: AT, cause: counted(start, count), salt, cell: 3 });

      expect(Math.sign(compare(runOf(a), runOf(b)))).toBe(Math.sign(a - b));
    }),
  );
});

test('events that differ give one function different runs, and functions that differ different runs of one event', () => {
  fc.assert(
    fc.property(ulids, ulids, ulids, (one, other, third) => {
      fc.pre(one.slice(-14) !== other.slice(-14));
      const runId = (cause: string, salt: string): string => deriveRunId({ timeMs: AT, cause, salt, cell: 0 });

      expect(runId(one, third)).not.toBe(runId(other, third));
      expect(runId(third, one)).not.toBe(runId(third, other));
    }),
  );
});

test('the largest sum starts again at 0', () => {
  const largest = encodeUlid(AT, new Uint8Array(10).fill(255));
  const one = counted(0n, 1);

  expect(deriveRunId({ timeMs: AT, cause: largest, salt: one, cell: 0 }).slice(-14)).toBe('0'.repeat(14));
});

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
