import { PURGE_INLINE_MAX, RUN_JOBS_MAX } from './bounds.ts';
import { runCounter } from './counters.ts';
import { field, intField, isSet, openDoc, type Doc } from './docs.ts';
import { expireAt } from './expiry.ts';
import { leaveCounter, releaseCapacity, removeDeadJob } from './jobs.ts';
import {
  dedupKey,
  endedRunKey,
  finishedJobsKey,
  functionKey,
  GARBAGE,
  groupKey,
  jobKey,
  pauseKey,
  runJobsKey,
  runKey,
  runPausesKey,
  singletonKey,
  stackKey,
  stepsKey,
  SYS,
} from './keys.ts';
import { whole } from './numbers.ts';
import type { Op } from './op.ts';
import { appendOutbox } from './outbox.ts';
import { removePause } from './pauses.ts';

export interface RunEnd {
  status: 'Completed' | 'Failed' | 'Cancelled';
  output?: string;
  outputBytes?: number;
  reason?: string;
}

/**
 * Makes a live run terminal. Afterwards its record is gone, so that every late operation on it answers 'run-gone'; its
 * end is in the outbox; dedup key, singleton, counters and leases are exact. What else it leaves (queued jobs, pauses,
 * memos) does nothing any more and is removed at once when little, else by `collectGarbage`.
 */
export function endRun(op: Op, runId: string, run: Doc, end: RunEnd): void {
  keepEnd(op, runId, run, end);
  releaseKeys(op, runId, run);
  if (field(run, 'st') === 'Scheduled') op.tx.hincr(functionKey(field(run, 'fn')), 'back', -1);
  if (intField(run, 'nl') > 0) releaseLeases(op, runId, run);
  op.tx.hdrop(runKey(runId));
  op.tx.hincr(SYS, 'runs', -1);
  const isSmall = intField(run, 'sl') <= PURGE_INLINE_MAX;
  if (!isSmall || !purgeRun(op, runId, PURGE_INLINE_MAX).isDone) op.tx.zadd(GARBAGE, op.now, runId);
}

/** The run's record as the outbox entry shows it, until that is acknowledged. */
function keepEnd(op: Op, runId: string, run: Doc, end: RunEnd): void {
  const record: Record<string, string> = { ...run.stored, ...run.changes, end: end.status };
  if (end.output !== undefined) record['output'] = end.output;
  if (end.reason !== undefined) record['reason'] = end.reason;
  op.tx.hset(endedRunKey(runId), record);
  appendOutbox(op, { kind: 'run-ended', run: runId, size: whole(intField(run, 'eb') + (end.outputBytes ?? 0)) });
}

function releaseKeys(op: Op, runId: string, run: Doc): void {
  const functionId = field(run, 'fn');
  const dedup = dedupKey(functionId, field(run, 'dk'));
  if (op.tx.hget(dedup, 'run') === runId) {
    op.tx.hset(dedup, { live: '' });
    expireAt(op.tx, dedup, intField(run, 'dku'));
  }
  if (isSet(run, 'sg')) {
    const singleton = singletonKey(functionId, field(run, 'sg'));
    if (op.tx.get(singleton) === runId) op.tx.drop(singleton);
  }
  if (isSet(run, 'r')) leaveCounter(op, runCounter(field(run, 'r')), runId);
}

function releaseLeases(op: Op, runId: string, run: Doc): void {
  for (const jobId of op.tx.smembers(runJobsKey(runId), RUN_JOBS_MAX)) {
    const job = openDoc(op.tx, jobKey(jobId));
    if (job !== undefined && field(job, 'st') === 'L') {
      releaseCapacity(op, jobId, job, run);
      removeDeadJob(op, jobId);
      op.tx.srem(runJobsKey(runId), jobId);
    }
  }
}

/** Removes up to `keysMax` leftovers of an ended run. */
export function purgeRun(op: Op, runId: string, keysMax: number): { isDone: boolean; removed: number } {
  let removed = 0;
  for (const jobId of op.tx.smembers(runJobsKey(runId), keysMax)) {
    removeDeadJob(op, jobId);
    op.tx.srem(runJobsKey(runId), jobId);
    removed += 1;
  }
  for (const pauseId of op.tx.smembers(runPausesKey(runId), keysMax - removed)) {
    const pause = openDoc(op.tx, pauseKey(pauseId));
    if (pause === undefined) op.tx.srem(runPausesKey(runId), pauseId);
    else removePause(op, pauseId, pause);
    removed += 1;
  }
  if (removed >= keysMax) return { isDone: false, removed };
  op.tx.mdrop(stepsKey(runId));
  op.tx.ldrop(stackKey(runId));
  op.tx.mdrop(finishedJobsKey(runId));
  op.tx.sdrop(groupKey(runId));
  return { isDone: true, removed };
}
