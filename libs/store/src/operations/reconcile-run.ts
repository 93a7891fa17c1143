import { PURGE_INLINE_MAX, RUN_JOBS_MAX, TOMBSTONE_MS } from './bounds.ts';
import { joinBacklog } from './backlog.ts';
import { runCounter } from './counters.ts';
import { requestDiscovery } from './discovery.ts';
import { change, changeInt, field, intField, isSet, openDoc, saveDoc, type Doc } from './docs.ts';
import { closeRun, endLostRun, purgeRun } from './end-run.ts';
import { enqueueJob } from './jobs.ts';
import {
  backlogKey,
  dedupKey,
  endedRunKey,
  eventsKey,
  EXPIRIES,
  GARBAGE,
  groupKey,
  pauseKey,
  racersKey,
  PAUSES,
  runKey,
  runPausesKey,
  RUNS,
  singletonKey,
  stepsKey,
} from './keys.ts';
import { whole } from './numbers.ts';
import { indexPause } from './pauses.ts';
import { hold, reconcileJob } from './reconcile-job.ts';
import { mayRepair, type Repair } from './repair.ts';
import { enqueueStart, jobsOf } from './start-jobs.ts';

/** What the jobs of a run are, counted anew. */
export interface Census {
  work: number;
  leased: number;
  /** Discovery calls that wait, and one that is in progress. */
  queued: Record<string, boolean>;
  leasedCalls: Record<string, boolean>;
  hasStart: boolean;
  /** Something that the run waited for is gone: it is asked again. */
  isLossy: boolean;
}

/** A live run knows its jobs, each in its place, counts them rightly, and has one that will continue it. */
export function reconcileRun(repair: Repair, runId: string): void {
  const { op } = repair;
  const run = openDoc(op.tx, runKey(runId));
  const hasEnded = op.tx.hget(endedRunKey(runId), 'end') !== undefined;
  if (run === undefined) {
    if (mayRepair(repair, 'run ' + runId + ' is listed and has no record')) dropLostRun(repair, runId, hasEnded);
  } else if (hasEnded) {
    if (!mayRepair(repair, 'run ' + runId + ' has ended and is live')) return;
    op.tx.hdrop(runKey(runId));
    closeRun(op, runId, run);
    repair.places += 1;
  } else if (op.tx.has(eventsKey(runId))) {
    reconcileLiveRun(repair, runId, run);
  } else if (mayRepair(repair, 'run ' + runId + ' has lost its events')) {
    endLostRun(op, runId, run);
    repair.places += 1;
  }
}

/** Nothing can be told of it any more. Its dedup key is a tombstone, the holders of its capacity go with the counters. */
function dropLostRun(repair: Repair, runId: string, hasEnded: boolean): void {
  const { op } = repair;
  if (!hasEnded) op.tx.drop(eventsKey(runId));
  if (!purgeRun(op, runId, undefined, PURGE_INLINE_MAX).isDone) op.tx.zadd(GARBAGE, op.now, runId);
  op.tx.zrem(RUNS, runId);
  repair.places += 1;
}

function reconcileLiveRun(repair: Repair, runId: string, run: Doc): void {
  const { op } = repair;
  const census: Census = { work: 0, leased: 0, queued: {}, leasedCalls: {}, hasStart: false, isLossy: false };
  for (const jobId of jobsOf(op.tx, runId, run, RUN_JOBS_MAX)) reconcileJob(repair, runId, run, jobId, census);
  if (isSet(run, 'pz')) reconcilePauseList(repair, runId);
  reconcileGroup(repair, runId, run, census, 'grp');
  reconcileGroup(repair, runId, run, census, 'rac');
  reconcileKeys(repair, runId, run);
  // A job that left no trace but that it was counted.
  if (intField(run, 'nj') > census.work || census.work === 0) census.isLossy = true;
  count(repair, run, 'nj', census.work);
  count(repair, run, 'nl', census.leased);
  forgetCall(repair, runId, run, 'dq', census.queued);
  forgetCall(repair, runId, run, 'dl', census.leasedCalls);
  if (field(run, 'st') === 'Scheduled' ? !census.hasStart : census.isLossy) askAgain(repair, runId, run);
  saveDoc(op.tx, run);
}

/** The discovery call that it believes to be queued or in progress is not. */
function forgetCall(repair: Repair, runId: string, run: Doc, name: 'dq' | 'dl', calls: Record<string, boolean>): void {
  if (!isSet(run, name) || calls[field(run, name)] === true) return;
  if (mayRepair(repair, 'run ' + runId + ' waits for the call ' + field(run, name) + ', which it does not have'))
    change(run, name, '');
}

function count(repair: Repair, run: Doc, name: string, n: number): void {
  if (intField(run, name) === n) return;
  if (!mayRepair(repair, run.key + ' counts ' + whole(intField(run, name)) + ' of ' + name + ', there are ' + whole(n)))
    return;
  changeInt(run, name, n);
  repair.places += 1;
}

/** What the run waits for is asked of the function again: it names whatever is not there. */
function askAgain(repair: Repair, runId: string, run: Doc): void {
  const { op } = repair;
  if (!mayRepair(repair, 'run ' + runId + ' has lost what would continue it')) return;
  repair.redriven.push(runId);
  change(run, 'rd', '');
  if (field(run, 'st') !== 'Scheduled') {
    const discovery = requestDiscovery(op, runId, run, intField(run, 'max'));
    if (discovery !== undefined) enqueueJob(op, runId, run, discovery);
    return;
  }
  enqueueStart(op, runId, run, op.now);
}

function reconcilePauseList(repair: Repair, runId: string): void {
  const { tx } = repair.op;
  for (const pauseId of tx.smembers(runPausesKey(runId), RUN_JOBS_MAX)) {
    repair.looks += 1;
    const pause = openDoc(tx, pauseKey(pauseId));
    if (pause === undefined) {
      if (mayRepair(repair, 'run ' + runId + ' has lost its pause ' + pauseId)) {
        tx.srem(runPausesKey(runId), pauseId);
        repair.places += 1;
      }
    } else if (tx.zscore(PAUSES, pauseId) === undefined && mayRepair(repair, 'pause ' + pauseId + ' is not listed')) {
      // It was not looked at before the runs: what leads to it may be lost as well.
      tx.zadd(PAUSES, intField(pause, 'seq'), pauseId);
      indexPause(repair.op, pauseId, pause);
      repair.places += 1;
    }
  }
}

/** Neither the pending group nor the steps that race hold what is done: it would not be done again. `name`: which of them. */
function reconcileGroup(repair: Repair, runId: string, run: Doc, census: Census, name: 'grp' | 'rac'): void {
  const { tx } = repair.op;
  const key = name === 'grp' ? groupKey(runId) : racersKey(runId);
  const size = tx.scard(key);
  let members = size;
  if (size > 0) {
    for (const hash of tx.smembers(key, RUN_JOBS_MAX)) {
      repair.looks += 1;
      if (tx.mhas(stepsKey(runId), hash)) {
        members -= 1;
        if (mayRepair(repair, 'run ' + runId + ' waits for step ' + hash + ', which is done')) tx.srem(key, hash);
      }
    }
  }
  if (intField(run, name) > 0 && members === 0) census.isLossy = true;
  count(repair, run, name, members);
}

/** What the run holds by its name. */
function reconcileKeys(repair: Repair, runId: string, run: Doc): void {
  const { tx, now } = repair.op;
  const functionId = field(run, 'fn');
  const dedup = dedupKey(functionId, field(run, 'dk'));
  if (tx.hget(dedup, 'run') === undefined && mayRepair(repair, 'run ' + runId + ' has lost its dedup key')) {
    tx.hset(dedup, { run: runId });
    repair.places += 1;
  }
  if (isSet(run, 'sg')) {
    const singleton = singletonKey(functionId, field(run, 'sg'));
    if (!tx.has(singleton) && mayRepair(repair, 'run ' + runId + ' has lost its singleton')) {
      tx.set(singleton, runId);
      tx.zadd(EXPIRIES, now + TOMBSTONE_MS, singleton);
      repair.places += 1;
    }
  }
  if (
    isSet(run, 'bl') &&
    !tx.sismember(backlogKey(functionId), runId) &&
    mayRepair(repair, 'run ' + runId + ' is not in the backlog')
  ) {
    joinBacklog(repair.op, runId, run);
  }
  if (field(run, 'st') === 'Running' && isSet(run, 'r')) hold(repair, runCounter(field(run, 'r')), runId);
}
