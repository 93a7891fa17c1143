import { isBufferTimer, reconcileBufferTimer } from './buffers.ts';
import { dropDeadJob } from './jobs.ts';
import { field, openDoc, type Doc } from './docs.ts';
import {
  accountKey,
  DUE,
  functionKey,
  GARBAGE,
  jobKey,
  laneKey,
  LEASES,
  PARKED,
  runIdOfJob,
  runJobsKey,
  runKey,
  RUNS,
  SYS,
  waitersKey,
} from './keys.ts';
import { isFirstLook, mayRepair, type Repair } from './repair.ts';
import { hasUnclaimedStart, openJobOf } from './start-jobs.ts';
import { isLine } from './throttle.ts';

export function reconcileDue(repair: Repair, jobId: string): void {
  if (isBufferTimer(jobId)) {
    reconcileBufferTimer(repair, jobId);
    return;
  }
  const job = openJobOf(repair.op.tx, jobId, runIdOfJob(jobId));
  if (job !== undefined && field(job, 'st') === 'D') reconcileOwner(repair, jobId, job);
  else dropEntry(repair, DUE, jobId);
}

export function reconcileLease(repair: Repair, jobId: string): void {
  const job = openDoc(repair.op.tx, jobKey(jobId));
  if (job !== undefined && field(job, 'st') === 'L') reconcileOwner(repair, jobId, job);
  else dropEntry(repair, LEASES, jobId);
}

export function reconcileParked(repair: Repair, entry: string): void {
  if (isLine(entry)) {
    if (repair.op.tx.zcard(waitersKey(entry)) === 0) dropEntry(repair, PARKED, entry);
    return;
  }
  const id = entry.substring(2);
  const kind = entry.substring(0, 2);
  const key = kind === 'A|' ? accountKey(id) : kind === 'F|' ? functionKey(id) : laneKey(id);
  if (repair.op.tx.hget(key, 'par') !== '1') dropEntry(repair, PARKED, entry);
}

function dropEntry(repair: Repair, timers: string, entry: string): void {
  if (!mayRepair(repair, entry + ' is in ' + timers + ' without reason')) return;
  repair.op.tx.zrem(timers, entry);
  repair.places += 1;
}

/** A job is known by its run, and the run is in the list; a job of no run is dropped. */
export function reconcileOwner(repair: Repair, jobId: string, job: Doc): void {
  const { tx } = repair.op;
  const runId = field(job, 'run');
  if (tx.hget(runKey(runId), 'st') !== undefined) {
    const isKnown = tx.sismember(runJobsKey(runId), jobId) || hasUnclaimedStart(tx, jobId, runId);
    if (!isKnown && mayRepair(repair, 'job ' + jobId + ' is not known by its run')) {
      tx.sadd(runJobsKey(runId), jobId);
      repair.places += 1;
    }
    listRun(repair, runId);
  } else if (tx.zscore(GARBAGE, runId) === undefined && mayRepair(repair, 'job ' + jobId + ' is of no run')) {
    dropDeadJob(repair.op, jobId, job);
    repair.places += 1;
  }
}

function listRun(repair: Repair, runId: string): void {
  const { tx } = repair.op;
  if (!isFirstLook(repair, 'run ' + runId) || tx.zscore(RUNS, runId) !== undefined) return;
  if (!mayRepair(repair, 'run ' + runId + ' is not listed')) return;
  tx.zadd(RUNS, tx.hincr(SYS, 'seq', 1), runId);
  repair.places += 1;
}
