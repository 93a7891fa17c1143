import { startOp } from './op.ts';
import { reap } from './reap.ts';
import type { Tx } from './tx.ts';

/** No lease of a process is longer. Those that are belong to SDKs, which go on whatever becomes of the process. */
const PROCESS_LEASE_MAX_MS = 120_000;

export interface ExpireLeasesArgs {
  jobsMax: number;
}

/** Takes back the leases of processes whether or not they ended, `jobsMax` at most. Answers how many. */
export function expireLeases(tx: Tx, now: number, args: ExpireLeasesArgs): number {
  return reap(startOp(tx, now), now + PROCESS_LEASE_MAX_MS, args.jobsMax);
}
