import { SCAVENGES_MAX } from './bounds.ts';
import { changeInt, field, intField, openDoc, saveDoc } from './docs.ts';
import { endRun } from './end-run.ts';
import { removeDeadJob, requeueJob } from './jobs.ts';
import { jobKey, LEASES, runKey } from './keys.ts';
import type { Op } from './op.ts';

const POISON_OUTPUT =
  '{"name":"PoisonJob","message":"The process that ran this job was lost again and again.","stack":""}';

/**
 * Takes back up to `jobsMax` jobs whose lease ended at `before` or earlier: ready again at their old place, attempt unchanged,
 * one dispatch older. Answers how many.
 */
export function reap(op: Op, before: number, jobsMax: number): number {
  const lost = op.tx.zupto(LEASES, before, jobsMax);
  for (const [jobId] of lost) reapJob(op, jobId);
  return lost.length;
}

function reapJob(op: Op, jobId: string): void {
  const job = openDoc(op.tx, jobKey(jobId));
  // An earlier one of this batch may have ended the run. An entry without a lease is damage.
  if (job === undefined || field(job, 'st') !== 'L') {
    op.tx.zrem(LEASES, jobId);
    return;
  }
  const runId = field(job, 'run');
  const run = openDoc(op.tx, runKey(runId));
  if (run === undefined) {
    removeDeadJob(op, jobId);
    return;
  }
  changeInt(job, 'scav', intField(job, 'scav') + 1);
  if (intField(job, 'scav') > SCAVENGES_MAX) {
    endRun(op, runId, run, { status: 'Failed', output: POISON_OUTPUT, reason: 'PoisonJob' });
    return;
  }
  requeueJob(op, jobId, job, run, op.now);
  saveDoc(op.tx, job);
  saveDoc(op.tx, run);
}
