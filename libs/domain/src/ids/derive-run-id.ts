import type { EventId, RunId } from './ids.ts';
import { runIdInCell } from './run-cell.ts';
import { ALPHABET, encodeUlid } from './ulid.ts';

const ULID_CHARS = 26;
/** What is left of a run's ID after its time and its cell: 70 bits. */
const DERIVED_CHARS = 14;

/**
 * The ID of the run that a function has of an event: the same however often the event is handled, so that a run which the
 * store lost comes back as itself when the event is handled again.
 *
 * Its last 14 characters are those of the event's ID plus those of `salt`, a ULID that stands for the function: other functions
 * of the event get other IDs, and within one function the runs of events of one instant sort as these do, which
 * keeps them first in, first out. Whoever took a hash of both instead would lose that order.
 */
export function deriveRunId(of: { timeMs: number; cause: EventId | RunId; salt: string; cell: number }): RunId {
  const time = encodeUlid(of.timeMs, new Uint8Array(10)).slice(0, ULID_CHARS - DERIVED_CHARS);
  return runIdInCell(time + sumOf(of.cause.slice(-DERIVED_CHARS), of.salt.slice(-DERIVED_CHARS)), of.cell);
}

/** Adds two numbers of equally many base 32 digits; what does not fit is dropped. */
function sumOf(a: string, b: string): string {
  let sum = '';
  let carry = 0;
  for (let i = DERIVED_CHARS - 1; i >= 0; i--) {
    const digit = valueAt(a, i) + valueAt(b, i) + carry;
    sum = ALPHABET[digit % 32] + sum;
    carry = digit < 32 ? 0 : 1;
  }
  return sum;
}

function valueAt(digits: string, i: number): number {
  return Math.max(0, ALPHABET.indexOf(digits[i] ?? '0'));
}
