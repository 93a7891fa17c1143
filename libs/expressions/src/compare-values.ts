import type { Meter } from './meter.ts';
import {
  Duration,
  isAbsent,
  isList,
  isMap,
  isNumeric,
  type MapValue,
  Timestamp,
  TypeName,
  type Value,
} from './value.ts';

/**
 * Equality of execution.md 6.3 and 6.5: a missing value equals null, an int equals the double of the same size, other
 * types never equal each other. Lists and maps are compared through.
 */
export function equalValues(left: Value, right: Value, meter: Meter): boolean {
  if (typeof left === 'string' || typeof left === 'boolean') return left === right;
  if (isAbsent(left)) return isAbsent(right);
  if (isNumeric(left)) return isNumeric(right) && equalNumbers(left, right);
  if (left instanceof Timestamp) return right instanceof Timestamp && left.ms === right.ms;
  if (left instanceof Duration) return right instanceof Duration && left.ms === right.ms;
  if (left instanceof TypeName) return right instanceof TypeName && left.name === right.name;
  if (isList(left)) return isList(right) && equalLists(left, right, meter);
  if (isMap(left)) return isMap(right) && equalMaps(left, right, meter);
  return false;
}

/**
 * Negative, zero or positive as `left` sorts before, with or after `right`; undefined when the two have no order.
 * Null and missing sort below everything else (execution.md 6.5.6).
 */
export function compareValues(left: Value, right: Value): number | undefined {
  if (isAbsent(left)) return isAbsent(right) ? 0 : -1;
  if (isAbsent(right)) return 1;
  if (isNumeric(left) && isNumeric(right)) return compareNumbers(left, right);
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  if (left instanceof Timestamp && right instanceof Timestamp) return left.ms - right.ms;
  if (left instanceof Duration && right instanceof Duration) return left.ms - right.ms;
  return undefined;
}

function equalNumbers(left: number | bigint, right: number | bigint): boolean {
  return typeof left === typeof right ? left === right : compareNumbers(left, right) === 0;
}

/** JavaScript compares a bigint with a double exactly, without rounding either. NaN has no order. */
function compareNumbers(left: number | bigint, right: number | bigint): number | undefined {
  if (left < right) return -1;
  if (left > right) return 1;
  return Number.isNaN(left) || Number.isNaN(right) ? undefined : 0;
}

/** By code points, which is also the order of the UTF-8 bytes; `<` on strings orders by UTF-16 units. */
function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

/** Moves surrogates, which stand for the highest code points, above the units U+E000 to U+FFFF. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

function equalLists(left: readonly Value[], right: readonly Value[], meter: Meter): boolean {
  if (left.length !== right.length) return false;
  return meter.nested(left.length, () => left.every((item, index) => equalValues(item, right[index], meter)));
}

function equalMaps(left: MapValue, right: MapValue, meter: Meter): boolean {
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return meter.nested(keys.length, () =>
    keys.every((key) => Object.hasOwn(right, key) && equalValues(left[key], right[key], meter)),
  );
}
