import { LANE_IDLE_MS, LANE_JOBS_CHECKED_MAX } from './bounds.ts';
import { laneCounters } from './counters.ts';
import { field, isSet, openOrNewDoc, saveDoc, type Doc } from './docs.ts';
import {
  batonsKey,
  EXPIRIES,
  functionKey,
  FUNCTIONS,
  laneJobsKey,
  laneKey,
  LANES,
  PARKED,
  parkedLanesKey,
  runIdOfJob,
  runnableLanesKey,
  SYS,
  throttleKey,
  waitersKey,
} from './keys.ts';
import {
  handBatonsOn,
  handTokenOn,
  layBatonDown,
  leaveParking,
  leaveWaiters,
  makeLaneRunnable,
  reviveLane,
  setTimer,
  tidyFunction,
} from './lanes.ts';
import { int } from './numbers.ts';
import { reconcileCounter } from './reconcile-counter.ts';
import { reconcileOwner } from './reconcile-timers.ts';
import { isFirstLook, mayRepair, type Repair } from './repair.ts';
import { openJobOf } from './start-jobs.ts';
import { bucketOfLine, functionOfLine, isLine, lineOf, rateOfFunction } from './throttle.ts';

/** I1 of lanes.ts for a lane, I6 for the line it stands in, and the holders of its own counters. */
export function reconcileLane(repair: Repair, laneId: string): void {
  const { op } = repair;
  const lane = openOrNewDoc(op.tx, laneKey(laneId));
  if (!isSet(lane, 'fn')) {
    if (!mayRepair(repair, 'lane ' + laneId + ' is listed and has no record')) return;
    if (!reviveLane(op, laneId, lane)) {
      op.tx.zrem(LANES, laneId);
      repair.places += 1;
      return;
    }
  }
  if (op.tx.zscore(EXPIRIES, lane.key) === undefined && mayRepair(repair, 'lane ' + laneId + ' never expires')) {
    op.tx.zadd(EXPIRIES, op.now + LANE_IDLE_MS, lane.key);
  }
  saveDoc(op.tx, lane);
  reconcileContent(repair, laneId);
  const functionId = field(lane, 'fn');
  for (const [counter] of laneCounters(lane)) reconcileCounter(repair, counter);
  // The counters may have woken it.
  const present = openOrNewDoc(op.tx, lane.key);
  reconcilePlace(repair, laneId, present);
  reconcileLine(repair, present);
  if (isFirstLook(repair, 'function ' + functionId) && op.tx.zscore(FUNCTIONS, functionId) === undefined) {
    if (!mayRepair(repair, 'function ' + functionId + ' is not listed')) return;
    op.tx.zadd(FUNCTIONS, op.tx.hincr(SYS, 'seq', 1), functionId);
    repair.places += 1;
  }
}

/** Drops what is not ready in this lane; `claim` does so with what comes later. */
function reconcileContent(repair: Repair, laneId: string): void {
  const { tx } = repair.op;
  for (const [jobId] of tx.zfirst(laneJobsKey(laneId), LANE_JOBS_CHECKED_MAX)) {
    repair.looks += 1;
    const job = openJobOf(tx, jobId, runIdOfJob(jobId));
    if (job !== undefined && field(job, 'st') === 'R' && field(job, 'lane') === laneId) {
      reconcileOwner(repair, jobId, job);
    } else if (mayRepair(repair, 'job ' + jobId + ' is in lane ' + laneId + ' and not ready in it')) {
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
  if (!mayRepair(repair, 'lane ' + laneId + ' does not stand as its record and its jobs say')) return;
  repair.places += 1;
  layBatonDown(op, laneId, lane);
  op.tx.srem(batonsKey(field(lane, 'acct')), laneId);
  leaveParking(op, laneId, lane);
  for (const name of mayWaitFor(lane)) leaveWaiters(op, name, laneId);
  if (hasJobs) {
    makeLaneRunnable(op, laneId, lane);
  } else {
    op.tx.zrem(runnableLanesKey(field(lane, 'fn'), field(lane, 'cls')), laneId);
    tidyFunction(op, field(lane, 'fn'), field(lane, 'acct'));
  }
  saveDoc(op.tx, lane);
  handBatonsOn(op, lane);
  if (!hasJobs) handTokenOn(op, lane);
}

/** I6: a line that has lost its timer. */
function reconcileLine(repair: Repair, lane: Doc): void {
  const { op } = repair;
  const line = field(lane, 'pc');
  if (!isLine(line) || !isFirstLook(repair, line) || op.tx.zscore(PARKED, line) !== undefined) return;
  if (!mayRepair(repair, 'lanes wait in line ' + line + ' without a timer')) return;
  const rate = rateOfFunction(openOrNewDoc(op.tx, functionKey(functionOfLine(line))));
  setTimer(op, line, rate, int(op.tx.get(throttleKey(bucketOfLine(line)))));
  repair.places += 1;
}

/** The counters and the line that it may stand at. */
function mayWaitFor(lane: Doc): string[] {
  const names: string[] = [];
  for (const [counter] of laneCounters(lane)) names.push(counter);
  if (lineOf(lane) !== '') names.push(lineOf(lane));
  return names;
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
  for (const name of mayWaitFor(lane)) {
    const isWaiting = tx.zscore(waitersKey(name), laneId) !== undefined;
    if (isWaiting !== (field(lane, 'pc') === name)) return false;
  }
  return true;
}
