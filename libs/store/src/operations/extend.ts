import { checkLease } from './fence.ts';
import { jobKey, LEASES, runIdOfJob } from './keys.ts';
import { whole } from './numbers.ts';
import type { Tx } from './tx.ts';

export interface ExtendArgs {
  jobId: string;
  token: string;
  leaseMs: number;
}

/**
 * Moves the end of a lease to `leaseMs` from now. Holds before: the job is leased under `token`. A repeat moves it again.
 * Touches job, lease. 5 commands.
 */
export function extend(tx: Tx, now: number, args: ExtendArgs): 'extended' | 'stale' | 'run-gone' {
  const held = checkLease(tx, runIdOfJob(args.jobId), args);
  if (held !== 'held') return held;
  tx.hset(jobKey(args.jobId), { exp: whole(now + args.leaseMs) });
  tx.zadd(LEASES, now + args.leaseMs, args.jobId);
  return 'extended';
}
