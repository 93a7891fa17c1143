import { change, field, intField, isSet, openDoc, saveDoc, type Doc } from './docs.ts';
import { enqueueJob, holderOf, isWork, readyJob, requestCounters, requeueJob } from './jobs.ts';
import {
  counterKey,
  DUE,
  finishTimeoutJobId,
  functionKey,
  jobKey,
  laneJobsKey,
  LANES,
  LEASES,
  pauseKey,
  runJobsKey,
  startTimeoutJobId,
  SYS,
} from './keys.ts';
import { removeFromLane } from './lanes.ts';
import { int } from './numbers.ts';
import { removePause } from './pauses.ts';
import type { Census } from './reconcile-run.ts';
import { isFirstLook, mayRepair, type Repair } from './repair.ts';
import { isUnclaimedStart, openJob } from './start-jobs.ts';

/** A job that its run knows: it stands where its state says and nowhere else, or what is left of it is dropped. */
export function reconcileJob(repair: Repair, runId: string, run: Doc, jobId: string, census: Census): void {
  repair.looks += 1;
  const job = openJob(repair.op.tx, jobId, runId, run);
  if (job === undefined) {
    if (!mayRepair(repair, 'run ' + runId + ' has lost its job ' + jobId)) return;
    repair.op.tx.srem(runJobsKey(runId), jobId);
    repair.places += 1;
    if (!restoreRunTimeout(repair, runId, run, jobId)) census.isLossy = true;
    return;
  }
  if (isBeyondRepair(repair, job)) {
    if (!mayRepair(repair, 'job ' + jobId + ' has no state, or has lost its pause')) return;
    dropJob(repair, runId, jobId, job);
    if (isUnclaimedStart(run, runId, jobId)) change(run, 'sj', '');
    census.isLossy = true;
    return;
  }
  const isUntaken = field(job, 'st') === 'L' && !isSet(job, 'tok');
  if (isUntaken && mayRepair(repair, 'job ' + jobId + ' is leased without a token'))
    requeueJob(repair.op, jobId, job, run, repair.op.now);
  placeJob(repair, jobId, job, run);
  if (!isUnclaimedStart(run, runId, jobId)) saveDoc(repair.op.tx, job);
  takeCensus(jobId, job, census);
}

/** Without its pause a wait could not be found by what it waits for. */
function isBeyondRepair(repair: Repair, job: Doc): boolean {
  const state = field(job, 'st');
  if (state !== 'D' && state !== 'R' && state !== 'L') return true;
  return field(job, 'kind') === 'timeout' && repair.op.tx.hget(pauseKey(field(job, 'pause')), 'run') === undefined;
}

function dropJob(repair: Repair, runId: string, jobId: string, job: Doc): void {
  const { op } = repair;
  op.tx.zrem(DUE, jobId);
  op.tx.zrem(LEASES, jobId);
  if (isSet(job, 'lane')) removeFromLane(op, field(job, 'lane'), jobId);
  op.tx.hdrop(jobKey(jobId));
  op.tx.srem(runJobsKey(runId), jobId);
  const pause = isSet(job, 'pause') ? openDoc(op.tx, pauseKey(field(job, 'pause'))) : undefined;
  if (pause !== undefined) removePause(op, field(job, 'pause'), pause);
  repair.places += 1;
}

function takeCensus(jobId: string, job: Doc, census: Census): void {
  const isLeased = field(job, 'st') === 'L';
  if (isWork(field(job, 'kind'))) census.work += 1;
  if (isLeased) census.leased += 1;
  if (field(job, 'kind') === 'start') census.hasStart = true;
  if (field(job, 'target') !== 'step') return;
  if (isLeased) census.leasedCalls[jobId] = true;
  else census.queued[jobId] = true;
}

function placeJob(repair: Repair, jobId: string, job: Doc, run: Doc): void {
  const { tx } = repair.op;
  const state = field(job, 'st');
  enterTimer(repair, DUE, jobId, state === 'D' ? intField(job, 'at') : undefined);
  enterTimer(repair, LEASES, jobId, state === 'L' ? intField(job, 'exp') : undefined);
  const lane = field(job, 'lane');
  if (state !== 'R') {
    leaveLane(repair, lane, jobId);
  } else if (lane === '' || tx.zscore(laneJobsKey(lane), jobId) === undefined) {
    if (!mayRepair(repair, 'job ' + jobId + ' is ready and not in its lane ' + lane)) return;
    readyJob(repair.op, jobId, job, run);
    repair.places += 1;
  } else if (isFirstLook(repair, 'lane ' + lane) && tx.zscore(LANES, lane) === undefined) {
    if (!mayRepair(repair, 'lane ' + lane + ' is not listed')) return;
    tx.zadd(LANES, tx.hincr(SYS, 'seq', 1), lane);
    repair.places += 1;
  }
  if (state !== 'L') return;
  for (const counter of requestCounters(run)) hold(repair, counter, holderOf(jobId, job));
}

function leaveLane(repair: Repair, lane: string, jobId: string): void {
  if (lane === '' || repair.op.tx.zscore(laneJobsKey(lane), jobId) === undefined) return;
  if (!mayRepair(repair, 'job ' + jobId + ' is in lane ' + lane + ' and not ready')) return;
  removeFromLane(repair.op, lane, jobId);
  repair.places += 1;
}

/** Enters what is in progress in its counter, if it is not there. */
export function hold(repair: Repair, counter: string, holder: string): void {
  const { tx } = repair.op;
  if (tx.sismember(counterKey(counter), holder)) return;
  if (!mayRepair(repair, holder + ' is in progress and does not hold counter ' + counter)) return;
  tx.sadd(counterKey(counter), holder);
  repair.places += 1;
}

/** `at` undefined: the job does not belong there. */
function enterTimer(repair: Repair, timers: string, jobId: string, at: number | undefined): void {
  const { tx } = repair.op;
  if (tx.zscore(timers, jobId) === at) return;
  if (!mayRepair(repair, 'job ' + jobId + ' is not in ' + timers + ' as its state says')) return;
  if (at === undefined) tx.zrem(timers, jobId);
  else tx.zadd(timers, at, jobId);
  repair.places += 1;
}

/** False: the job was none of the run's timeouts. */
function restoreRunTimeout(repair: Repair, runId: string, run: Doc, jobId: string): boolean {
  const { op } = repair;
  const isStart = jobId === startTimeoutJobId(runId);
  if (!isStart && jobId !== finishTimeoutJobId(runId)) return false;
  const isOver = isStart !== (field(run, 'st') === 'Scheduled');
  const afterMs = isStart ? intField(run, 'sto') : int(op.tx.hget(functionKey(field(run, 'fn')), 'fto'));
  if (isOver || afterMs === 0) return true;
  enqueueJob(op, runId, run, {
    jobId,
    kind: isStart ? 'start-timeout' : 'finish-timeout',
    target: '',
    attemptsMax: 1,
    at: intField(run, isStart ? 'sched' : 'start') + afterMs,
    isRace: false,
    pauseId: '',
  });
  return true;
}
