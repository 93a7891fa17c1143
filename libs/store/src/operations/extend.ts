import { jobKey, LEASES, runIdOfJob, runKey } from './keys.ts';
import { whole } from './numbers.ts';
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
  if (tx.hget(runKey(runIdOfJob(args.jobId)), 'st') === undefined) return 'run-gone';
  if (tx.hget(jobKey(args.jobId), 'tok') !== args.token) return 'stale';
  tx.hset(jobKey(args.jobId), { exp: whole(now + args.leaseMs) });
  tx.zadd(LEASES, now + args.leaseMs, args.jobId);
  return 'extended';
}
