import { change, changeInt, field, intField, isSet, openDoc, type Doc } from './docs.ts';
import { completeStep, requestDiscovery } from './discovery.ts';
import { enqueueJob, removeJob } from './jobs.ts';
import { jobKey, pauseKey, stackKey, stepJobId, stepsKey } from './keys.ts';
import type { Op } from './op.ts';
import { removePause } from './pauses.ts';

export interface Memo {
  hash: string;
  memo: string;
  memoBytes: number;
}

/** Puts the memo on the stack; the first writer wins: false for a later one. A planned step was counted already. */
export function saveStep(op: Op, runId: string, run: Doc, step: Memo, isPlanned: boolean): boolean {
  if (!op.tx.madd(stepsKey(runId), step.hash, step.memo)) return false;
  op.tx.lput(stackKey(runId), intField(run, 'sl'), step.hash);
  changeInt(run, 'sl', intField(run, 'sl') + 1);
  changeInt(run, 'bytes', intField(run, 'bytes') + step.memoBytes);
  if (!isPlanned) changeInt(run, 'steps', intField(run, 'steps') + 1);
  return true;
}

/** Drops what was still to be done for a step that is saved now: its queued call, its wake-up, its pause. */
export function dropPlanned(op: Op, runId: string, run: Doc, hash: string): void {
  const jobId = stepJobId(runId, hash);
  const job = openDoc(op.tx, jobKey(jobId));
  if (job === undefined || field(job, 'st') === 'L') return;
  removeJob(op, jobId, job, run);
  if (!isSet(job, 'pause')) return;
  const pause = openDoc(op.tx, pauseKey(field(job, 'pause')));
  if (pause !== undefined) removePause(op, field(job, 'pause'), pause);
}

/**
 * Ends a step that the platform was waiting for (sleep, pause): memo saved, job and pause gone, a discovery enqueued if
 * the rules say so.
 */
export function settleStep(op: Op, runId: string, run: Doc, step: Memo, isRace: boolean): void {
  saveStep(op, runId, run, step, true);
  dropPlanned(op, runId, run, step.hash);
  change(run, 'rd', '');
  const leadsToDiscovery = completeStep(op, runId, run, step.hash, isRace);
  // A group may hold a step whose call never answered for it: whatever else, a run is not left without a job.
  if (!leadsToDiscovery && intField(run, 'nj') > 0) return;
  const discovery = requestDiscovery(op, runId, run, intField(run, 'max'));
  if (discovery !== undefined) enqueueJob(op, runId, run, discovery);
}
