import { startOp } from './op.ts';
import { reap } from './reap.ts';
import type { Tx } from './tx.ts';

/** Later than any lease ends. */
const NEVER = 1e15;

export interface ExpireLeasesArgs {
  jobsMax: number;
}

/** Takes back leases whether or not they ended, `jobsMax` at most. Answers how many. */
export function expireLeases(tx: Tx, now: number, args: ExpireLeasesArgs): number {
  return reap(startOp(tx, now), NEVER, args.jobsMax);
}
