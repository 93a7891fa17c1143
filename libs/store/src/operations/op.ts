import type { Tx } from './tx.ts';

/** One running operation. */
export interface Op {
  readonly tx: Tx;
  /** Store time, epoch milliseconds. */
  readonly now: number;
  /** Work became claimable: somebody should be told (hint on the bus). */
  hasReady: boolean;
}

export function startOp(tx: Tx, now: number): Op {
  return { tx, now, hasReady: false };
}
