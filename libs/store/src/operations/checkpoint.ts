import { completeStep } from './discovery.ts';
import { change, changeInt, intField, saveDoc } from './docs.ts';
import { isBeyond, openLease, type Lease, type RunLimits } from './fence.ts';
import { jobKey, LEASES, stepJobId, stepsKey } from './keys.ts';
import { startOp } from './op.ts';
import { dropPlanned, saveStep, type Memo } from './save-step.ts';
import type { Tx } from './tx.ts';

export interface CheckpointArgs {
  runId: string;
  lease: Lease;
  generation?: number;
  saves: Memo[];
  leaseMs: number;
  limits: RunLimits;
}

/**
 * Saves steps while the call goes on (sdk-protocol.md 9.1.1): the lease is extended, the attempt starts at 0 again. No
 * discovery follows, the call is still in progress. A repeat saves nothing more. 4 commands and 4 a step.
 */
export function checkpoint(
  tx: Tx,
  now: number,
  args: CheckpointArgs,
): 'saved' | 'stale' | 'run-gone' | 'too-many-steps' | 'state-too-large' {
  const op = startOp(tx, now);
  const fenced = openLease(tx, args.runId, args.lease);
  if (fenced.kind !== 'held') return fenced.kind;
  const { run, job } = fenced;
  if (args.generation !== undefined && args.generation < intField(job, 'gen') + 1) return 'stale';
  const unsaved: Memo[] = [];
  const plannedHashes: Record<string, boolean> = {};
  let bytes = 0;
  let steps = 0;
  for (const save of args.saves) {
    if (!tx.mhas(stepsKey(args.runId), save.hash)) {
      unsaved.push(save);
      bytes += save.memoBytes;
      if (tx.hget(jobKey(stepJobId(args.runId, save.hash)), 'st') === undefined) steps += 1;
      else plannedHashes[save.hash] = true;
    }
  }
  const beyond = isBeyond(run, steps, bytes, args.limits);
  if (beyond !== '') return beyond;
  for (const save of unsaved) {
    const planned = plannedHashes[save.hash] === true;
    saveStep(op, args.runId, run, save, planned);
    if (planned) dropPlanned(op, args.runId, run, save.hash);
    completeStep(op, args.runId, run, save.hash, false);
  }
  change(run, 'rd', '');
  change(job, 'att', '');
  changeInt(job, 'exp', now + args.leaseMs);
  tx.zadd(LEASES, now + args.leaseMs, args.lease.jobId);
  saveDoc(tx, job);
  saveDoc(tx, run);
  return 'saved';
}
