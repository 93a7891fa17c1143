import { field, intField, isSet, type Doc } from './docs.ts';
import { ACCOUNT_LIMIT_DEFAULT, FUNCTION_LIMIT_DEFAULT, UNLIMITED } from './bounds.ts';
import { counterKey } from './keys.ts';
import type { Tx } from './tx.ts';

/**
 * Counters are sets of holders, so that taking and leaving twice is harmless. A request in progress holds those of its
 * account, its function and its keys under the job's ID (or the ID of the job that it was chained to); a started run
 * holds its run-level counter under its own ID until it ends.
 */
export function accountCounter(accountId: string): string {
  return 'a|' + accountId;
}
export function functionCounter(functionId: string): string {
  return 'f|' + functionId;
}
export function keyedCounter(key: string): string {
  return 'k|' + key;
}
export function runCounter(key: string): string {
  return 'r|' + key;
}

export function accountLimit(account: Doc): number {
  return isSet(account, 'lim') ? intField(account, 'lim') : ACCOUNT_LIMIT_DEFAULT;
}

export function functionLimit(fn: Doc): number {
  return isSet(fn, 'lim') ? intField(fn, 'lim') : FUNCTION_LIMIT_DEFAULT;
}

/** The keyed and run-level counters of a lane (its record) with the field of the function that holds the limit. */
export function laneCounters(lane: Doc): [string, string][] {
  const counters: [string, string][] = [];
  if (isSet(lane, 'k1')) counters.push([keyedCounter(field(lane, 'k1')), 'k1']);
  if (isSet(lane, 'k2')) counters.push([keyedCounter(field(lane, 'k2')), 'k2']);
  if (isSet(lane, 'r')) counters.push([runCounter(field(lane, 'r')), 'run']);
  return counters;
}

/** The function's own limit for a counter that other functions may share. */
export function limitInSlot(fn: Doc, slot: string): number {
  return isSet(fn, slot) ? intField(fn, slot) : UNLIMITED;
}

export function roomIn(tx: Tx, counter: string, limit: number): number {
  return limit - tx.scard(counterKey(counter));
}
