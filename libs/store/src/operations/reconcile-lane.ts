import { HOLDERS_CHECKED_MAX, LANE_IDLE_MS, LANE_JOBS_CHECKED_MAX, PARK_FALLBACK_MS, RUN_JOBS_MAX } from './bounds.ts';
import {
  accountCounter,
  accountLimit,
  functionCounter,
  functionLimit,
  laneCounters,
  roomIn,
  runCounter,
} from './counters.ts';
import { change, field, isSet, openDoc, openOrNewDoc, saveDoc, type Doc } from './docs.ts';
import { holderOf, requestCounters } from './jobs.ts';
import {
  accountKey,
  batonsKey,
  counterKey,
  EXPIRIES,
  functionKey,
  jobKey,
  laneJobsKey,
  laneKey,
  LANES,
  PARKED,
  parkedLanesKey,
  RUNNABLE_ACCOUNTS,
  runIdOfJob,
  runJobsKey,
  runKey,
  runnableFunctionsKey,
  runnableLanesKey,
  waitersKey,
} from './keys.ts';
import {
  handBatonsOn,
  hasRunnableLanes,
  isBlocked,
  layBatonDown,
  leaveParking,
  makeAccountRunnable,
  makeLaneRunnable,
  resumeFunction,
  reviveLane,
  takeOutFunction,
  tidyFunction,
  unparkAccount,
  unparkFunction,
  wakeWaiter,
} from './lanes.ts';
import { reconcileOwner } from './reconcile-timers.ts';
import { isFirstLook, type Repair } from './repair.ts';

/** I1 to I3 of lanes.ts for a lane, its function and account, and the holders of its counters. */
export function reconcileLane(repair: Repair, laneId: string): void {
  const { op } = repair;
  const lane = openOrNewDoc(op.tx, laneKey(laneId));
  if (!isSet(lane, 'fn') && !reviveLane(op, laneId, lane)) {
    op.tx.zrem(LANES, laneId);
    repair.places += 1;
    return;
  }
  if (op.tx.zscore(EXPIRIES, lane.key) === undefined) op.tx.zadd(EXPIRIES, op.now + LANE_IDLE_MS, lane.key);
  saveDoc(op.tx, lane);
  reconcileContent(repair, laneId);
  const functionId = field(lane, 'fn');
  const accountId = field(lane, 'acct');
  for (const [counter] of laneCounters(lane)) reconcileCounter(repair, counter);
  reconcileCounter(repair, functionCounter(functionId));
  reconcileCounter(repair, accountCounter(accountId));
  // The counters may have woken it.
  reconcilePlace(repair, laneId, openOrNewDoc(op.tx, lane.key));
  if (isFirstLook(repair, 'function ' + functionId)) reconcileFunction(repair, functionId, accountId);
  if (isFirstLook(repair, 'account ' + accountId)) reconcileAccount(repair, accountId);
}

/** Drops what is not ready in this lane; `claim` does so with what comes later. */
function reconcileContent(repair: Repair, laneId: string): void {
  const { tx } = repair.op;
  for (const [jobId] of tx.zfirst(laneJobsKey(laneId), LANE_JOBS_CHECKED_MAX)) {
    repair.looks += 1;
    const job = openDoc(tx, jobKey(jobId));
    if (job !== undefined && field(job, 'st') === 'R' && field(job, 'lane') === laneId) {
      reconcileOwner(repair, jobId, job);
    } else {
      tx.zrem(laneJobsKey(laneId), jobId);
      repair.places += 1;
    }
  }
}

/** Where it does not stand as its record says, it is made runnable if it has jobs: the next visit finds what blocks it. */
function reconcilePlace(repair: Repair, laneId: string, lane: Doc): void {
  const { op } = repair;
  const hasJobs = op.tx.zcard(laneJobsKey(laneId)) > 0;
  if (isInPlace(repair, laneId, lane, hasJobs)) return;
  repair.places += 1;
  layBatonDown(op, laneId, lane);
  op.tx.srem(batonsKey(field(lane, 'acct')), laneId);
  leaveParking(op, laneId, lane);
  for (const [counter] of laneCounters(lane)) op.tx.zrem(waitersKey(counter), laneId);
  if (hasJobs) {
    makeLaneRunnable(op, laneId, lane);
  } else {
    op.tx.zrem(runnableLanesKey(field(lane, 'fn'), field(lane, 'cls')), laneId);
    tidyFunction(op, field(lane, 'fn'), field(lane, 'acct'));
  }
  saveDoc(op.tx, lane);
  handBatonsOn(op, lane);
}

function isInPlace(repair: Repair, laneId: string, lane: Doc, hasJobs: boolean): boolean {
  const { tx } = repair.op;
  const functionId = field(lane, 'fn');
  const isParked = isSet(lane, 'par');
  if (isParked && !hasJobs) return false;
  const isRunnable = tx.zscore(runnableLanesKey(functionId, field(lane, 'cls')), laneId) !== undefined;
  if (isRunnable !== (hasJobs && !isParked)) return false;
  if (tx.sismember(parkedLanesKey(functionId), laneId) !== isParked) return false;
  if ((tx.zscore(PARKED, 'L|' + laneId) !== undefined) !== isParked) return false;
  if (tx.sismember(batonsKey(field(lane, 'acct')), laneId) !== isSet(lane, 'bat')) return false;
  if (isSet(lane, 'bat') && !isRunnable) return false;
  for (const [counter] of laneCounters(lane)) {
    const isWaiting = tx.zscore(waitersKey(counter), laneId) !== undefined;
    if (isWaiting !== (field(lane, 'pc') === counter)) return false;
  }
  return true;
}

function reconcileFunction(repair: Repair, functionId: string, accountId: string): void {
  const { op } = repair;
  let fn = openOrNewDoc(op.tx, functionKey(functionId));
  if (!isSet(fn, 'acct')) {
    change(fn, 'acct', accountId);
    saveDoc(op.tx, fn);
  }
  if (isSet(fn, 'par') && roomIn(op.tx, functionCounter(functionId), functionLimit(fn)) > 0) {
    unparkFunction(op, functionId);
    repair.places += 1;
    fn = openOrNewDoc(op.tx, functionKey(functionId));
  }
  keepTimer(repair, 'F|' + functionId, isSet(fn, 'par'));
  const isListed = op.tx.zscore(runnableFunctionsKey(accountId), functionId) !== undefined;
  if (isListed === (hasRunnableLanes(op, functionId) && !isBlocked(fn))) return;
  if (isListed) takeOutFunction(op, functionId, accountId);
  else resumeFunction(op, functionId, fn, accountId);
  repair.places += 1;
}

function reconcileAccount(repair: Repair, accountId: string): void {
  const { op } = repair;
  let account = openOrNewDoc(op.tx, accountKey(accountId));
  if (isSet(account, 'par') && roomIn(op.tx, accountCounter(accountId), accountLimit(account)) > 0) {
    unparkAccount(op, accountId);
    repair.places += 1;
    account = openOrNewDoc(op.tx, accountKey(accountId));
  }
  keepTimer(repair, 'A|' + accountId, isSet(account, 'par'));
  const isListed = op.tx.zscore(RUNNABLE_ACCOUNTS, accountId) !== undefined;
  if (isListed === (op.tx.zcard(runnableFunctionsKey(accountId)) > 0 && !isSet(account, 'par'))) return;
  if (isListed) op.tx.zrem(RUNNABLE_ACCOUNTS, accountId);
  else makeAccountRunnable(op, accountId, account);
  repair.places += 1;
}

function keepTimer(repair: Repair, entry: string, isParked: boolean): void {
  const { tx, now } = repair.op;
  if ((tx.zscore(PARKED, entry) !== undefined) === isParked) return;
  if (isParked) tx.zadd(PARKED, now + PARK_FALLBACK_MS, entry);
  else tx.zrem(PARKED, entry);
  repair.places += 1;
}

// ------------------------------------------------------------------------------------------------------- counters

/** Releases holders without a live job or run in progress, and wakes what waited for them. */
function reconcileCounter(repair: Repair, counter: string): void {
  if (!isFirstLook(repair, 'counter ' + counter)) return;
  const { op } = repair;
  for (const holder of op.tx.smembers(counterKey(counter), HOLDERS_CHECKED_MAX)) {
    repair.looks += 1;
    if (!isInProgress(repair, counter, holder)) {
      op.tx.srem(counterKey(counter), holder);
      repair.holders += 1;
      wakeFor(repair, counter);
    }
  }
}

function wakeFor(repair: Repair, counter: string): void {
  const kind = counter.substring(0, 2);
  if (kind === 'a|') unparkAccount(repair.op, counter.substring(2));
  else if (kind === 'f|') unparkFunction(repair.op, counter.substring(2));
  else wakeWaiter(repair.op, counter);
}

function isInProgress(repair: Repair, counter: string, holder: string): boolean {
  const runId = runIdOfJob(holder);
  let holds = repair.inProgress[runId];
  if (holds === undefined) {
    holds = holdsOf(repair, runId);
    repair.inProgress[runId] = holds;
  }
  return holds[counter + ' ' + holder] === true;
}

/** `<counter> <holder>` of all that the run has in progress. */
function holdsOf(repair: Repair, runId: string): Record<string, boolean> {
  const { tx } = repair.op;
  const holds: Record<string, boolean> = {};
  const run = openDoc(tx, runKey(runId));
  if (run === undefined) return holds;
  if (isSet(run, 'r') && field(run, 'st') === 'Running') holds[runCounter(field(run, 'r')) + ' ' + runId] = true;
  const counters = requestCounters(run);
  for (const jobId of tx.smembers(runJobsKey(runId), RUN_JOBS_MAX)) {
    repair.looks += 1;
    const job = openDoc(tx, jobKey(jobId));
    if (job !== undefined && field(job, 'st') === 'L') {
      for (const counter of counters) holds[counter + ' ' + holderOf(jobId, job)] = true;
    }
  }
  return holds;
}
