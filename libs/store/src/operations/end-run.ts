import { leaveBacklog } from './backlog.ts';
import { PURGE_INLINE_MAX, RUN_JOBS_MAX, TOMBSTONE_MS } from './bounds.ts';
import { runCounter } from './counters.ts';
import { field, intField, isSet, openDoc, type Doc } from './docs.ts';
import { dropDeadJob, leaveCounter, releaseCapacity, removeDeadJob } from './jobs.ts';
import {
  dedupKey,
  deferBodiesKey,
  defersKey,
  endedRunKey,
  eventsKey,
  EXPIRIES,
  finishedJobsKey,
  GARBAGE,
  groupKey,
  jobKey,
  pauseKey,
  racersKey,
  runJobsKey,
  runKey,
  runPausesKey,
  RUNS,
  singletonKey,
  stackKey,
  stepsKey,
} from './keys.ts';
import { int, whole } from './numbers.ts';
import type { Op } from './op.ts';
import { appendOutbox } from './outbox.ts';
import { removePause } from './pauses.ts';
import { removeUnclaimedStart } from './start-jobs.ts';
import type { Tx } from './tx.ts';

export interface RunEnd {
  status: 'Completed' | 'Failed' | 'Cancelled';
  output?: string;
  outputBytes?: number;
  reason?: string;
}

/**
 * Makes a live run terminal. Afterwards its record is gone, so that every late operation on it answers 'run-gone'; its
 * end is in the outbox; singleton, counters and leases are exact, and its dedup key is a tombstone. What else it leaves (queued jobs, pauses,
 * memos) does nothing any more and is removed at once when little, else by `collectGarbage`; its memos, which the entry tells,
 * once that is acknowledged.
 */
export function endRun(op: Op, runId: string, run: Doc, end: RunEnd, leased?: LeasedJob): void {
  keepEnd(op, runId, run, end);
  closeRun(op, runId, run, leased);
}

/** A leased job of the run that is open already. */
export interface LeasedJob {
  jobId: string;
  job: Doc;
}

const STATE_LOST_OUTPUT = '{"name":"StateLost","message":"The events that started this run are lost.","stack":""}';

/** Nothing can be called without the events that started the run. */
export function endLostRun(op: Op, runId: string, run: Doc): void {
  op.tx.set(eventsKey(runId), '[]');
  endRun(op, runId, run, { status: 'Failed', output: STATE_LOST_OUTPUT, reason: 'StateLost' });
}

/** What follows once the end is in the outbox. The list of live runs is left last, so that `reconcile` can finish it. */
export function closeRun(op: Op, runId: string, run: Doc, leased?: LeasedJob): void {
  releaseKeys(op, runId, run);
  leaveBacklog(op, runId, run);
  op.tx.zadd(EXPIRIES, intField(run, 'sched') + TOMBSTONE_MS, dedupKey(field(run, 'fn'), field(run, 'dk')));
  if (isSet(run, 'sj')) removeUnclaimedStart(op, runId, run);
  if (leased !== undefined) releaseLease(op, runId, run, leased);
  if (intField(run, 'nl') > (leased === undefined ? 0 : 1)) releaseLeases(op, runId, run);
  if (!purgeRun(op, runId, run, PURGE_INLINE_MAX).isDone) op.tx.zadd(GARBAGE, op.now, runId);
  op.tx.zrem(RUNS, runId);
}

/** The run's record, from now on that of an ended run, is kept until the outbox entry that shows it is acknowledged. */
function keepEnd(op: Op, runId: string, run: Doc, end: RunEnd): void {
  op.tx.hmove(runKey(runId), endedRunKey(runId));
  const news: Record<string, string> = { ...run.changes, end: end.status };
  if (end.output !== undefined) news['output'] = end.output;
  if (end.reason !== undefined) news['reason'] = end.reason;
  op.tx.hset(endedRunKey(runId), news);
  appendOutbox(op, { kind: 'run-ended', run: runId, size: whole(sizeOfEnd(run, end)) });
}

function sizeOfEnd(run: Doc, end: RunEnd): number {
  return intField(run, 'eb') + intField(run, 'bytes') + intField(run, 'dfb') + (end.outputBytes ?? 0);
}

function releaseKeys(op: Op, runId: string, run: Doc): void {
  if (isSet(run, 'sg')) {
    const singleton = singletonKey(field(run, 'fn'), field(run, 'sg'));
    if (op.tx.get(singleton) === runId) op.tx.drop(singleton);
  }
  if (isSet(run, 'r')) leaveCounter(op, runCounter(field(run, 'r')), runId);
}

function releaseLeases(op: Op, runId: string, run: Doc): void {
  for (const jobId of op.tx.smembers(runJobsKey(runId), RUN_JOBS_MAX)) {
    const job = openDoc(op.tx, jobKey(jobId));
    if (job !== undefined && field(job, 'st') === 'L') releaseLease(op, runId, run, { jobId, job });
  }
}

function releaseLease(op: Op, runId: string, run: Doc, { jobId, job }: LeasedJob): void {
  releaseCapacity(op, jobId, job, run);
  dropDeadJob(op, jobId, job);
  op.tx.srem(runJobsKey(runId), jobId);
}

/** The end of a run was told: its memos go, many of them bit by bit. */
export function dropTold(tx: Tx, now: number, runId: string): void {
  const ended = endedRunKey(runId);
  const steps = int(tx.hget(ended, 'sl'));
  if (int(tx.hget(ended, 'dfn')) > 0) dropDefers(tx, runId);
  tx.hdrop(ended);
  tx.drop(eventsKey(runId));
  if (steps > PURGE_INLINE_MAX) tx.zadd(GARBAGE, now, runId);
  else if (steps > 0) dropMemos(tx, runId);
}

function dropDefers(tx: Tx, runId: string): void {
  tx.hdrop(defersKey(runId));
  tx.mdrop(deferBodiesKey(runId));
}

function dropMemos(tx: Tx, runId: string): void {
  tx.mdrop(stepsKey(runId));
  tx.ldrop(stackKey(runId));
}

/** Removes up to `keysMax` leftovers of an ended run. `run`: its record where that is known, telling what there is. */
export function purgeRun(
  op: Op,
  runId: string,
  run: Doc | undefined,
  keysMax: number,
): { isDone: boolean; removed: number } {
  let removed = 0;
  for (const jobId of op.tx.smembers(runJobsKey(runId), keysMax)) {
    removeDeadJob(op, jobId);
    op.tx.srem(runJobsKey(runId), jobId);
    removed += 1;
  }
  const mayHavePauses = run === undefined || isSet(run, 'pz');
  for (const pauseId of mayHavePauses ? op.tx.smembers(runPausesKey(runId), keysMax - removed) : []) {
    const pause = openDoc(op.tx, pauseKey(pauseId));
    if (pause === undefined) op.tx.srem(runPausesKey(runId), pauseId);
    else removePause(op, pauseId, pause);
    removed += 1;
  }
  if (removed >= keysMax) return { isDone: false, removed };
  // While its end is in the outbox the memos are still to be told.
  if (run === undefined && op.tx.hget(endedRunKey(runId), 'end') === undefined) {
    dropMemos(op.tx, runId);
    dropDefers(op.tx, runId);
  }
  if (run === undefined || isSet(run, 'dn')) op.tx.mdrop(finishedJobsKey(runId));
  if (run === undefined || intField(run, 'grp') > 0) op.tx.sdrop(groupKey(runId));
  if (run === undefined || intField(run, 'rac') > 0) op.tx.sdrop(racersKey(runId));
  return { isDone: true, removed };
}
