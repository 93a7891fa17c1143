import { openDoc } from './docs.ts';
import { endRun } from './end-run.ts';
import { openLease, type Lease } from './fence.ts';
import { runKey } from './keys.ts';
import { startOp } from './op.ts';
import type { Tx } from './tx.ts';

export interface FinalizeArgs {
  runId: string;
  lease?: Lease;
  status: 'Completed' | 'Failed' | 'Cancelled';
  output?: string;
  outputBytes?: number;
  reason?: string;
}

/**
 * Makes the run terminal (see `endRun`). With a lease only under its token. 'finalized' exactly once, then 'gone'.
 * About 25 commands, and more for a run that many jobs of are leased.
 */
export function finalize(tx: Tx, now: number, args: FinalizeArgs): 'finalized' | 'gone' | 'stale' {
  const op = startOp(tx, now);
  if (args.lease !== undefined) {
    const fenced = openLease(tx, args.runId, args.lease);
    if (fenced.kind !== 'held') return fenced.kind === 'run-gone' ? 'gone' : 'stale';
    endRun(op, args.runId, fenced.run, args, { jobId: args.lease.jobId, job: fenced.job });
    return 'finalized';
  }
  const run = openDoc(tx, runKey(args.runId));
  if (run === undefined) return 'gone';
  endRun(op, args.runId, run, args);
  return 'finalized';
}
