import { PROMOTE_MAX } from './bounds.ts';
import { fireBuffer, isBufferTimer } from './buffers.ts';
import { changeInt, field, intField, isSet, openDoc, saveDoc, type Doc } from './docs.ts';
import { endRun } from './end-run.ts';
import { readyJob, removeDeadJob, removeJob } from './jobs.ts';
import { DUE, functionKey, jobKey, pauseKey, runIdOfJob, runKey } from './keys.ts';
import { int } from './numbers.ts';
import type { Op } from './op.ts';
import { settleStep } from './save-step.ts';
import { isUnclaimedStart, openJob, readyStart } from './start-jobs.ts';

/** What a sleeping step is given when it wakes (execution.md 1.5). */
const SLEEP_MEMO = 'null';

/**
 * Fires what is due, earliest first: calls become ready; sleeps, timeouts of pauses and of runs take their effect here, so that
 * no executor is needed for them; buffers close.
 */
export function promote(op: Op): void {
  for (const [entry] of op.tx.zupto(DUE, op.now, PROMOTE_MAX)) {
    if (isBufferTimer(entry)) fireBuffer(op, entry);
    else fire(op, entry);
  }
}

function fire(op: Op, jobId: string): void {
  const runId = runIdOfJob(jobId);
  const run = openDoc(op.tx, runKey(runId));
  const job = run === undefined ? openDoc(op.tx, jobKey(jobId)) : openJob(op.tx, jobId, runId, run);
  // An earlier one of this batch may have settled or ended what this one was for. An entry without a job is damage.
  if (job === undefined || field(job, 'st') !== 'D') {
    op.tx.zrem(DUE, jobId);
    return;
  }
  if (run === undefined) {
    removeDeadJob(op, jobId);
    return;
  }
  const kind = field(job, 'kind');
  if (kind === 'start-timeout' || kind === 'finish-timeout') {
    fireRunTimeout(op, jobId, job, runId, run);
    return;
  }
  if (kind === 'sleep') {
    const step = { hash: field(job, 'target'), memo: SLEEP_MEMO, memoBytes: 4 };
    settleStep(op, runId, run, step, isSet(job, 'race'));
  } else if (kind === 'timeout') {
    firePauseTimeout(op, job, runId, run);
  } else {
    op.tx.zrem(DUE, jobId);
    if (isUnclaimedStart(run, runId, jobId)) {
      readyStart(op, runId, run);
    } else {
      readyJob(op, jobId, job, run);
      saveDoc(op.tx, job);
    }
  }
  saveDoc(op.tx, run);
}

function firePauseTimeout(op: Op, job: Doc, runId: string, run: Doc): void {
  const pause = op.tx.hgetall(pauseKey(field(job, 'pause')));
  const memo = pause === undefined ? undefined : pause['tmemo'];
  const memoBytes = pause === undefined ? 0 : int(pause['tbytes']);
  const step = { hash: field(job, 'target'), memo: memo ?? 'null', memoBytes };
  settleStep(op, runId, run, step, isSet(job, 'race'));
}

/** The function's timeout as it is now counts, not as it was when the run was scheduled (execution.md 4.8). */
function fireRunTimeout(op: Op, jobId: string, job: Doc, runId: string, run: Doc): void {
  const isStart = field(job, 'kind') === 'start-timeout';
  const fn = op.tx.hgetall(functionKey(field(run, 'fn')));
  const isConfigured = fn !== undefined && fn['ver'] !== undefined;
  const configured = isConfigured ? int(fn[isStart ? 'sto' : 'fto']) : intField(run, 'sto');
  const deadline = intField(run, isStart ? 'sched' : 'start') + configured;
  if (configured > 0 && deadline <= op.now) {
    endRun(op, runId, run, { status: 'Cancelled', reason: field(job, 'kind') });
    return;
  }
  if (configured > 0) {
    changeInt(job, 'at', deadline);
    op.tx.zadd(DUE, deadline, jobId);
    saveDoc(op.tx, job);
    return;
  }
  removeJob(op, jobId, job, run);
  saveDoc(op.tx, run);
}
