import { EXPIRIES } from './keys.ts';
import type { Tx } from './tx.ts';

/**
 * Has `collectGarbage` look at the key at `at`. An entry that is there already stays: the look finds out whether the key
 * is still of use, and moves the entry if so. Values carry their own end; nothing relies on being removed in time.
 */
export function expireAt(tx: Tx, key: string, at: number): void {
  if (tx.zscore(EXPIRIES, key) === undefined) tx.zadd(EXPIRIES, at, key);
}
