import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CELLS_MAX, cellOfRun, runIdInCell } from './run-cell.ts';
import { encodeUlid, isUlid, ulidTimeMs } from './ulid.ts';

const entropies = fc.uint8Array({ minLength: 10, maxLength: 10 });
const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });

test('a run ID is a ULID of the same time that tells its cell', () => {
  fc.assert(
    fc.property(times, entropies, fc.integer({ min: 1, max: CELLS_MAX }), fc.nat(), (timeMs, entropy, cells, n) => {
      const cell = n % cells;
      const runId = runIdInCell(encodeUlid(timeMs, entropy), cell);

      expect(isUlid(runId)).toBe(true);
      expect(ulidTimeMs(runId)).toBe(timeMs);
      expect(cellOfRun(runId, cells)).toBe(cell);
    }),
  );
});

test.each(['', 'x', 'no run at all', '01M7XK68C9!!00000000000000'])('"%s" has a cell too', (text) => {
  expect(cellOfRun(text, 4)).toBeGreaterThanOrEqual(0);
  expect(cellOfRun(text, 4)).toBeLessThan(4);
});

test('a cell that two characters cannot name is refused', () => {
  expect(() => runIdInCell(encodeUlid(0, new Uint8Array(10)), CELLS_MAX)).toThrow(RangeError);
});
