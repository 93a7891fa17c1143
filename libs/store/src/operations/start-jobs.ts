import { change, changeInt, field, intField, isSet, openDoc, type Doc } from './docs.ts';
import { DUE, jobKey, runIdOfJob, runJobsKey, runKey, startJobId } from './keys.ts';
import { addToLane, laneOf, removeFromLane, scoreOf } from './lanes.ts';
import { int } from './numbers.ts';
import type { Op } from './op.ts';
import type { Tx } from './tx.ts';

/*
 * Most of what waits are runs that wait for their start. Until it is claimed for the first time, a start job has no record and is in no
 * list of jobs: all that is to be told of it stands in the record of its run. That halves the memory of a backlog.
 *
 * Fields of the run: `sj` state of such a job, D or R, as of any job; `sa` its instant, where that was to come. Its lane is that of
 * the run's keys.
 */

/** A job of a run, whether it has a record or not. */
export function openJob(tx: Tx, jobId: string, runId: string, run: Doc): Doc | undefined {
  return isUnclaimedStart(run, runId, jobId) ? unclaimedStart(jobId, runId, run) : openDoc(tx, jobKey(jobId));
}

/** The same where the run was not read: it is, if the job has no record. */
export function openJobOf(tx: Tx, jobId: string, runId: string): Doc | undefined {
  const job = openDoc(tx, jobKey(jobId));
  if (job !== undefined || jobId !== startJobId(runId)) return job;
  const run = openDoc(tx, runKey(runId));
  return run === undefined || !isSet(run, 'sj') ? undefined : unclaimedStart(jobId, runId, run);
}

export function isUnclaimedStart(run: Doc, runId: string, jobId: string): boolean {
  return isSet(run, 'sj') && jobId === startJobId(runId);
}

/** The run waits for its start from now on, or for `at` first. The caller saves it. */
export function enqueueStart(op: Op, runId: string, run: Doc, at: number): void {
  changeInt(run, 'nj', intField(run, 'nj') + 1);
  if (at <= op.now) {
    readyStart(op, runId, run);
    return;
  }
  change(run, 'sj', 'D');
  changeInt(run, 'sa', at);
  op.tx.zadd(DUE, at, startJobId(runId));
}

export function readyStart(op: Op, runId: string, run: Doc): void {
  change(run, 'sj', 'R');
  addToLane(op, laneOf(run), startJobId(runId), scoreOf(run));
}

/** The job is claimed: from now on it is like any other. The caller saves it, and the run. */
export function recordStart(op: Op, runId: string, run: Doc, job: Doc): void {
  op.tx.sadd(runJobsKey(runId), startJobId(runId));
  change(run, 'sj', '');
  job.changes = { ...job.stored };
  job.isChanged = true;
}

/** Since when a job is ready, or when it will be; 0 where that is lost. */
export function readyAtOf(tx: Tx, jobId: string): number {
  const at = tx.hget(jobKey(jobId), 'at');
  if (at !== undefined) return int(at);
  const key = runKey(runIdOfJob(jobId));
  return int(tx.hget(key, 'sa') ?? tx.hget(key, 'sched'));
}

/** The same where the run was not read. */
export function hasUnclaimedStart(tx: Tx, jobId: string, runId: string): boolean {
  return jobId === startJobId(runId) && (tx.hget(runKey(runId), 'sj') ?? '') !== '';
}

export function unclaimedStart(jobId: string, runId: string, run: Doc): Doc {
  const state = field(run, 'sj');
  const stored: Record<string, string> = {
    run: runId,
    kind: 'start',
    target: 'step',
    max: field(run, 'max'),
    pos: field(run, 'sl'),
    st: state,
    at: isSet(run, 'sa') ? field(run, 'sa') : field(run, 'sched'),
  };
  if (state === 'R') stored['lane'] = laneOf(run).laneId;
  return { key: jobKey(jobId), stored, changes: {}, isChanged: false };
}

/** All jobs of a run, up to `max` of those that have records. */
export function jobsOf(tx: Tx, runId: string, run: Doc, max: number): string[] {
  const jobIds = tx.smembers(runJobsKey(runId), max);
  if (!isSet(run, 'sj')) return jobIds;
  const all = [startJobId(runId)];
  for (const jobId of jobIds) all.push(jobId);
  return all;
}

/** The run ends before its start was claimed. */
export function removeUnclaimedStart(op: Op, runId: string, run: Doc): void {
  const jobId = startJobId(runId);
  if (field(run, 'sj') === 'D') op.tx.zrem(DUE, jobId);
  if (field(run, 'sj') === 'R') removeFromLane(op, laneOf(run).laneId, jobId);
}
