import type { RunId } from './ids.ts';
import { ALPHABET } from './ulid.ts';

/** Where the cell stands in a run's ID: the first two characters after the ten of the time. */
const CELL_AT = 10;
const CELL_CHARS = 2;

/** As many as two characters of an ID can name. */
export const CELLS_MAX = 1024;

/**
 * A ULID that names the cell of its run, so that whoever knows a run, its jobs or its pauses knows where it lives, also
 * after its function has moved to another cell. The other characters, and thus the order of IDs of one cell, stay.
 */
export function runIdInCell(ulid: string, cell: number): RunId {
  const first = ALPHABET[Math.floor(cell / 32)];
  const second = ALPHABET[cell % 32];
  if (first === undefined || second === undefined || cell < 0) throw new RangeError(`no cell has the number ${cell}`);
  return ulid.slice(0, CELL_AT) + first + second + ulid.slice(CELL_AT + CELL_CHARS);
}

/** The cell in a run's ID, of `cells`. Any text has one: where it is no run's ID, nothing is found there. */
export function cellOfRun(runId: RunId, cells: number): number {
  const first = ALPHABET.indexOf(runId[CELL_AT] ?? '0');
  const second = ALPHABET.indexOf(runId[CELL_AT + 1] ?? '0');
  return (Math.max(0, first) * 32 + Math.max(0, second)) % cells;
}
