import { changeInt, saveDoc } from './docs.ts';
import { openLease } from './fence.ts';
import { LEASES, runIdOfJob } from './keys.ts';
import type { Tx } from './tx.ts';

export interface ExtendArgs {
  jobId: string;
  token: string;
  leaseMs: number;
}

/**
 * Moves the end of a lease to `leaseMs` from now. Holds before: the job is leased under `token`. A repeat moves it again.
 * Touches job, lease. 4 commands.
 */
export function extend(tx: Tx, now: number, args: ExtendArgs): 'extended' | 'stale' | 'run-gone' {
  const fenced = openLease(tx, runIdOfJob(args.jobId), args);
  if (fenced.kind !== 'held') return fenced.kind;
  changeInt(fenced.job, 'exp', now + args.leaseMs);
  saveDoc(tx, fenced.job);
  tx.zadd(LEASES, now + args.leaseMs, args.jobId);
  return 'extended';
}
