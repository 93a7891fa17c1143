import { change, field, isSet, type Doc } from './docs.ts';
import { functionKey } from './keys.ts';
import { whole } from './numbers.ts';
import type { Tx } from './tx.ts';

/*
 * A run that waits for its start leaves to its function's record what is the same for all runs of the function, and leaves out what is as
 * it always is. With the first claim its record becomes complete, so that a run that goes on needs nothing but its own.
 *
 * Fields of the function: `env app`, and `racct` the account; once set they stay. A run of others has its own.
 */

/** [field of the run, field of the function]. */
const OF_FUNCTION: [string, string][] = [
  ['acct', 'racct'],
  ['env', 'env'],
  ['app', 'app'],
];
const NOT_CALLED_YET = '-1';

/**
 * Meta that is longer stands in the record in pieces: a hash of short values takes a fifth of the memory in Redis, until one is longer
 * than this (`hash-max-listpack-value`).
 */
export const META_PIECE_BYTES = 64;

/** The field of a piece but the first. */
export function metaField(index: number): string {
  return 'm' + whole(index);
}

export function metaOf(run: Doc): string {
  let meta = field(run, 'meta');
  for (let i = 1; isSet(run, metaField(i)); i++) meta += field(run, metaField(i));
  return meta;
}

/** Takes out of a new run's record, before it is saved, what can be had without it. 1 command for the first run of a function. */
export function leaveToFunction(tx: Tx, fn: Doc, run: Doc): void {
  if (!isSet(fn, 'app')) {
    tx.hset(fn.key, { racct: field(run, 'acct'), env: field(run, 'env'), app: field(run, 'app') });
    return;
  }
  const kept: Record<string, string> = { ...run.changes };
  for (const [name, ofFunction] of OF_FUNCTION) {
    if (field(fn, ofFunction) === field(run, name)) delete kept[name];
  }
  delete kept['rv'];
  run.changes = kept;
}

/** Puts it back. The caller saves the run, or only reads it. */
export function completeRun(run: Doc, fn: Doc): void {
  for (const [name, ofFunction] of OF_FUNCTION) {
    if (!isSet(run, name)) change(run, name, field(fn, ofFunction));
  }
  if (!isSet(run, 'rv')) change(run, 'rv', NOT_CALLED_YET);
}

/** A run's record with what was left out of it. */
export function completeRecord(tx: Tx, run: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (run['app'] !== undefined && run['rv'] !== undefined) return run;
  const fn = tx.hgetall(functionKey(run['fn'] ?? '')) ?? {};
  const complete: Record<string, string> = { ...run };
  for (const [name, ofFunction] of OF_FUNCTION) complete[name] = run[name] ?? fn[ofFunction] ?? '';
  complete['rv'] = run['rv'] ?? NOT_CALLED_YET;
  return complete;
}
