import { field, intField, isSet, type Doc } from './docs.ts';
import { rateOf, type Rate } from './gcra.ts';

/*
 * A lane without a token waits as for a counter, under the name of the line of its function at the bucket. So is called in
 * `parked`, too, what wakes the first ones of the line when there are tokens.
 */

/** The line in which the lane waits for tokens; '' for a lane whose starts are never throttled. */
export function lineOf(lane: Doc): string {
  return isSet(lane, 'thr') ? 'T|' + field(lane, 'fn') + '|' + field(lane, 'thr') : '';
}

export function isLine(name: string): boolean {
  return name.substring(0, 2) === 'T|';
}

export function functionOfLine(line: string): string {
  return line.split('|')[1] ?? '';
}

export function bucketOfLine(line: string): string {
  return line.split('|')[2] ?? '';
}

/** Undefined when the function has no throttle. */
export function rateOfFunction(fn: Doc): Rate | undefined {
  if (!isSet(fn, 'thl')) return undefined;
  const limit = intField(fn, 'thl');
  return rateOf(limit, intField(fn, 'thp'), limit + intField(fn, 'thb'));
}

/** Undefined when the lane's starts are not throttled. */
export function throttleRate(lane: Doc, fn: Doc): Rate | undefined {
  return isSet(lane, 'thr') ? rateOfFunction(fn) : undefined;
}
