import { change, changeInt, field, intField, saveDoc } from './docs.ts';
import { openLease, type Lease } from './fence.ts';
import { requeueJob } from './jobs.ts';
import { runIdOfJob } from './keys.ts';
import { startOp } from './op.ts';
import type { Tx } from './tx.ts';

export interface RetryArgs {
  lease: Lease;
  notBefore: number;
  reason: 'failure' | 'infrastructure' | 'drain';
}

/**
 * Gives the job back for `notBefore`: 'failure' spends an attempt, 'infrastructure' counts on its own, 'drain' not at
 * all; one dispatch older in each case. Capacity is free meanwhile. A repeat under the same token changes nothing.
 */
export function retry(tx: Tx, now: number, args: RetryArgs): 'retried' | 'stale' | 'run-gone' {
  const op = startOp(tx, now);
  const fenced = openLease(tx, runIdOfJob(args.lease.jobId), args.lease);
  if (fenced.kind === 'run-gone') return 'run-gone';
  if (fenced.kind === 'stale') {
    return fenced.job !== undefined && field(fenced.job, 'rtok') === args.lease.token ? 'retried' : 'stale';
  }
  const { run, job } = fenced;
  if (args.reason === 'failure') changeInt(job, 'att', intField(job, 'att') + 1);
  if (args.reason === 'infrastructure') changeInt(job, 'infra', intField(job, 'infra') + 1);
  change(job, 'rtok', args.lease.token);
  requeueJob(op, args.lease.jobId, job, run, args.notBefore);
  saveDoc(tx, job);
  saveDoc(tx, run);
  return 'retried';
}
