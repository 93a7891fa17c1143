import { accountCounter, functionCounter, keyedCounter } from './counters.ts';
import { change, changeInt, field, intField, isSet, openDoc, type Doc } from './docs.ts';
import { counterKey, DUE, jobKey, LEASES, runJobsKey } from './keys.ts';
import {
  addToLane,
  chargeChain,
  laneOf,
  removeFromLane,
  scoreOf,
  unparkAccount,
  unparkFunction,
  wakeWaiter,
} from './lanes.ts';
import { whole } from './numbers.ts';
import type { Op } from './op.ts';

/*
 * A job is D (delayed, in `due`), R (ready, in a lane) or L (leased, in `lease`):
 *   D →(at) R →(claim) L →(ack) gone | →(retry) D/R | →(lease lost) R | →(run ended) gone
 * Jobs of the kinds start, edge, sleep and timeout are the run's outstanding work (`nj` of the run counts them); the
 * run's own timeouts are not.
 */
export interface NewJob {
  jobId: string;
  kind: 'start' | 'edge' | 'sleep' | 'timeout' | 'start-timeout' | 'finish-timeout';
  /** `step`: a discovery call. */
  target: string;
  attemptsMax: number;
  /** No earlier than this. */
  at: number;
  isRace: boolean;
  /** kind timeout: the pause. */
  pauseId: string;
}

export function isWork(kind: string): boolean {
  return kind !== 'start-timeout' && kind !== 'finish-timeout';
}

/** Stores a job that does not exist yet: delayed, or ready in its run's lane. */
export function enqueueJob(op: Op, runId: string, run: Doc, job: NewJob): void {
  const isDelayed = job.at > op.now || job.kind === 'sleep' || job.kind === 'timeout' || !isWork(job.kind);
  const fields = newJobFields(runId, run, job);
  fields['st'] = isDelayed ? 'D' : 'R';
  fields['at'] = whole(job.at);
  if (isDelayed) {
    op.tx.zadd(DUE, job.at, job.jobId);
  } else {
    const lane = laneOf(run);
    fields['lane'] = lane.laneId;
    addToLane(op, lane, job.jobId, scoreOf(run));
  }
  registerJob(op, runId, run, job);
  op.tx.hset(jobKey(job.jobId), fields);
}

/** The stored form of a job that was never dispatched. Numbers that are 0 are left out. */
export function newJobFields(runId: string, run: Doc, job: NewJob): Record<string, string> {
  const fields: Record<string, string> = {
    run: runId,
    kind: job.kind,
    target: job.target,
    max: whole(job.attemptsMax),
    pos: field(run, 'sl'),
  };
  if (job.isRace) fields['race'] = '1';
  if (job.pauseId !== '') fields['pause'] = job.pauseId;
  return fields;
}

export function registerJob(op: Op, runId: string, run: Doc, job: NewJob): void {
  op.tx.sadd(runJobsKey(runId), job.jobId);
  if (isWork(job.kind)) changeInt(run, 'nj', intField(run, 'nj') + 1);
}

/** Removes a job of a live run, in whatever state but leased. */
export function removeJob(op: Op, jobId: string, job: Doc, run: Doc): void {
  if (field(job, 'st') === 'D') op.tx.zrem(DUE, jobId);
  if (field(job, 'st') === 'R') removeFromLane(op, field(job, 'lane'), jobId);
  forgetJob(op, jobId, job, run);
}

/** Removes a leased job whose work is done. Its capacity is left or handed on by the caller. */
export function removeLeasedJob(op: Op, jobId: string, job: Doc, run: Doc): void {
  op.tx.zrem(LEASES, jobId);
  changeInt(run, 'nl', intField(run, 'nl') - 1);
  if (field(run, 'dl') === jobId) change(run, 'dl', '');
  forgetJob(op, jobId, job, run);
}

function forgetJob(op: Op, jobId: string, job: Doc, run: Doc): void {
  op.tx.srem(runJobsKey(field(job, 'run')), jobId);
  op.tx.hdrop(jobKey(jobId));
  if (isWork(field(job, 'kind'))) changeInt(run, 'nj', intField(run, 'nj') - 1);
  if (field(run, 'dq') === jobId) change(run, 'dq', '');
}

/** Marks a job as leased and enters the lease; capacity is the caller's. */
export function leaseJob(op: Op, jobId: string, job: Doc, run: Doc, token: string, leaseMs: number): void {
  change(job, 'st', 'L');
  change(job, 'tok', token);
  changeInt(job, 'exp', op.now + leaseMs);
  op.tx.zadd(LEASES, op.now + leaseMs, jobId);
  changeInt(run, 'nl', intField(run, 'nl') + 1);
  if (field(job, 'target') === 'step') {
    change(run, 'dl', jobId);
    if (field(run, 'dq') === jobId) change(run, 'dq', '');
  }
}

/** Gives a leased job back: ready at once or at `at`; one dispatch older. Its capacity is released. */
export function requeueJob(op: Op, jobId: string, job: Doc, run: Doc, at: number): void {
  releaseCapacity(op, jobId, job, run);
  op.tx.zrem(LEASES, jobId);
  changeInt(run, 'nl', intField(run, 'nl') - 1);
  change(job, 'tok', '');
  changeInt(job, 'gen', intField(job, 'gen') + 1);
  changeInt(job, 'at', at);
  if (field(job, 'target') === 'step') {
    // It will see all that happened until it is claimed, so it stands for whatever discovery was to follow it.
    if (field(run, 'dl') === jobId) change(run, 'dl', '');
    change(run, 'dq', jobId);
    change(run, 'ag', '');
  }
  if (at > op.now) {
    change(job, 'st', 'D');
    op.tx.zadd(DUE, at, jobId);
  } else {
    readyJob(op, jobId, job, run);
  }
}

/** Puts a job that is in no set into its run's lane. */
export function readyJob(op: Op, jobId: string, job: Doc, run: Doc): void {
  const lane = laneOf(run);
  change(job, 'st', 'R');
  change(job, 'lane', lane.laneId);
  addToLane(op, lane, jobId, scoreOf(run));
}

// ------------------------------------------------------------------------------------------------------- capacity

/** The request's counters, by a run's record. */
export function requestCounters(run: Doc): string[] {
  const counters = [accountCounter(field(run, 'acct')), functionCounter(field(run, 'fn'))];
  if (isSet(run, 'k1')) counters.push(keyedCounter(field(run, 'k1')));
  if (isSet(run, 'k2')) counters.push(keyedCounter(field(run, 'k2')));
  return counters;
}

/** The holder in whose name a leased job holds capacity: its own, or the job's that it was chained to. */
export function holderOf(jobId: string, job: Doc): string {
  return isSet(job, 'hold') ? field(job, 'hold') : jobId;
}

/** A leased job stops being in progress: its counters are left, what waits for them is woken, its chain is charged. */
export function releaseCapacity(op: Op, jobId: string, job: Doc, run: Doc): void {
  const holder = holderOf(jobId, job);
  const chained = intField(job, 'chn');
  change(job, 'hold', '');
  change(job, 'chn', '');
  if (chained > 0) chargeChain(op.tx, laneOf(run), chained);
  releaseHolder(op, run, holder);
}

function releaseHolder(op: Op, run: Doc, holder: string): void {
  const accountId = field(run, 'acct');
  const functionId = field(run, 'fn');
  if (op.tx.srem(counterKey(accountCounter(accountId)), holder)) unparkAccount(op, accountId);
  if (op.tx.srem(counterKey(functionCounter(functionId)), holder)) unparkFunction(op, functionId);
  if (isSet(run, 'k1')) leaveCounter(op, keyedCounter(field(run, 'k1')), holder);
  if (isSet(run, 'k2')) leaveCounter(op, keyedCounter(field(run, 'k2')), holder);
}

/** Leaves a keyed or run-level counter and wakes a lane that waits for it. */
export function leaveCounter(op: Op, counter: string, holder: string): void {
  if (op.tx.srem(counterKey(counter), holder)) wakeWaiter(op, counter);
}

/** Removes a job of an ended run. It holds no capacity any more. */
export function removeDeadJob(op: Op, jobId: string): void {
  const job = openDoc(op.tx, jobKey(jobId));
  if (job !== undefined) dropDeadJob(op, jobId, job);
}

export function dropDeadJob(op: Op, jobId: string, job: Doc): void {
  if (field(job, 'st') === 'D') op.tx.zrem(DUE, jobId);
  if (field(job, 'st') === 'L') op.tx.zrem(LEASES, jobId);
  if (field(job, 'st') === 'R') removeFromLane(op, field(job, 'lane'), jobId);
  op.tx.hdrop(jobKey(jobId));
}
