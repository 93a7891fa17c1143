import {
  ANSWER_BYTES_MAX,
  CONTINUE_SHARE,
  PARK_FALLBACK_MS,
  QUANTUM,
  REAP_MAX,
  SCALE,
  UNPARK_MAX,
  VISITS_MAX,
  WORKER_IDLE_MS,
} from './bounds.ts';
import {
  accountCounter,
  accountLimit,
  functionCounter,
  functionLimit,
  laneCounters,
  limitInSlot,
  roomIn,
} from './counters.ts';
import { changeInt, field, intField, isSet, openDoc, openOrNewDoc, saveDoc, type Doc } from './docs.ts';
import { grantJob, viewJob, viewState, type JobView } from './dispatch.ts';
import { expireAt } from './expiry.ts';
import { idleFrom, nextTokenAt, rateOf, tatAfter, tokensIn, type Rate } from './gcra.ts';
import {
  accountKey,
  DUE,
  functionKey,
  jobKey,
  laneJobsKey,
  laneKey,
  LEASES,
  PARKED,
  RUNNABLE_ACCOUNTS,
  runKey,
  runnableFunctionsKey,
  runnableLanesKey,
  SYS,
  throttleKey,
  workerKey,
} from './keys.ts';
import {
  emptyLane,
  handBatonsOn,
  layBatonDown,
  parkAccount,
  parkFunction,
  parkLane,
  passFor,
  unparkAccount,
  unparkFunction,
  unparkLane,
  weightOf,
} from './lanes.ts';
import { int, whole } from './numbers.ts';
import { startOp, type Op } from './op.ts';
import { promote } from './promote.ts';
import { reap } from './reap.ts';
import type { Tx } from './tx.ts';

export interface ClaimArgs {
  workerId: string;
  claimId: string;
  jobsMax: number;
  leaseMs: number;
}

export interface ClaimResult {
  jobs: JobView[];
  nextWakeAt?: number;
}

/** What one claim has granted so far. */
interface Grants {
  args: ClaimArgs;
  jobIds: string[];
  /** Of the state that goes along with them. */
  bytes: number;
}

/** Everything on the way from the root to the lane that is looked at. */
interface Visit {
  accountId: string;
  account: Doc;
  functionId: string;
  fn: Doc;
  cls: 'S' | 'C';
  laneId: string;
  lane: Doc;
}

/**
 * Fires what is due, takes back lost leases, unparks, then leases up to `jobsMax` jobs fairly within all constraints
 * (execution.md 3.4.7). A repeat with the same `claimId` answers the jobs of the first call that are still leased by it.
 */
export function claim(tx: Tx, now: number, args: ClaimArgs): ClaimResult {
  const op = startOp(tx, now);
  const worker = openOrNewDoc(tx, workerKey(args.workerId));
  if (field(worker, 'claim') === args.claimId) {
    return { jobs: claimedJobs(op, args, intField(worker, 'n'), worker), nextWakeAt: now };
  }
  promote(op);
  reap(op, now, REAP_MAX);
  unparkDue(op);
  const grants: Grants = { args, jobIds: [], bytes: 0 };
  let visits = 0;
  while (mayGrant(grants) && visits < VISITS_MAX && visitNext(op, grants)) visits += 1;
  return result(op, grants, worker);
}

/** Large states end a claim early: the caller claims again at once. */
function mayGrant(grants: Grants): boolean {
  return grants.jobIds.length < grants.args.jobsMax && grants.bytes < ANSWER_BYTES_MAX;
}

function result(op: Op, grants: Grants, worker: Doc): ClaimResult {
  const n = grants.jobIds.length;
  if (n > 0) {
    const record: Record<string, string> = { claim: grants.args.claimId, n: whole(n), at: whole(op.now) };
    for (let i = 0; i < n; i++) record['j' + whole(i)] = grants.jobIds[i] ?? '';
    op.tx.hset(worker.key, record);
    expireAt(op.tx, worker.key, op.now + WORKER_IDLE_MS);
  }
  const jobs: JobView[] = [];
  for (const jobId of grants.jobIds) jobs.push(claimedJob(op, jobId));
  const nextWakeAt = nextWake(op);
  return nextWakeAt === undefined ? { jobs } : { jobs, nextWakeAt };
}

function claimedJob(op: Op, jobId: string): JobView {
  const job = openOrNewDoc(op.tx, jobKey(jobId));
  const runId = field(job, 'run');
  const view = viewJob(jobId, job, runId, openOrNewDoc(op.tx, runKey(runId)));
  view.state = viewState(op, runId);
  return view;
}

function claimedJobs(op: Op, args: ClaimArgs, n: number, worker: Doc): JobView[] {
  const jobs: JobView[] = [];
  for (let i = 0; i < n; i++) {
    const jobId = field(worker, 'j' + whole(i));
    if (op.tx.hget(jobKey(jobId), 'tok') === tokenOf(args, i)) jobs.push(claimedJob(op, jobId));
  }
  return jobs;
}

function tokenOf(args: ClaimArgs, index: number): string {
  return args.claimId + '.' + whole(index);
}

/** Now, when runnable work was left; else the first of the timers. */
function nextWake(op: Op): number | undefined {
  if (op.tx.zcard(RUNNABLE_ACCOUNTS) > 0) return op.now;
  let next: number | undefined = undefined;
  for (const key of [DUE, PARKED, LEASES]) {
    const first = op.tx.zfirst(key, 1)[0];
    if (first !== undefined && (next === undefined || first[1] < next)) next = first[1];
  }
  return next;
}

function unparkDue(op: Op): void {
  for (const [entry] of op.tx.zupto(PARKED, op.now, UNPARK_MAX)) unpark(op, entry);
}

function unpark(op: Op, entry: string): void {
  const kind = entry.substring(0, 2);
  const id = entry.substring(2);
  if (kind === 'A|') unparkAccount(op, id);
  else if (kind === 'F|') unparkFunction(op, id);
  // The lane may have been unparked in passing since the list was read.
  else if (op.tx.hget(laneKey(id), 'par') === '1') unparkLane(op, id, openOrNewDoc(op.tx, laneKey(id)));
}

// -------------------------------------------------------------------------------------------------- the grant loop

/** Looks at the lane whose turn it is. False when nothing is runnable. */
function visitNext(op: Op, grants: Grants): boolean {
  const first = op.tx.zfirst(RUNNABLE_ACCOUNTS, 1)[0];
  if (first === undefined) return false;
  const [accountId, accountPass] = first;
  const account = openOrNewDoc(op.tx, accountKey(accountId));

  const functions = runnableFunctionsKey(accountId);
  const second = op.tx.zfirst(functions, 1)[0];
  if (second === undefined) return op.tx.zrem(RUNNABLE_ACCOUNTS, accountId);
  const [functionId, functionPass] = second;
  const fn = openOrNewDoc(op.tx, functionKey(functionId));

  const cls = classInTurn(op, functionId, fn);
  const lanes = runnableLanesKey(functionId, cls);
  const third = op.tx.zfirst(lanes, 1)[0];
  if (third === undefined) return op.tx.zrem(functions, functionId);
  const [laneId, lanePass] = third;
  const lane = openOrNewDoc(op.tx, laneKey(laneId));

  const visit: Visit = { accountId, account, functionId, fn, cls, laneId, lane };
  advanceVirtualTimes(op, visit, accountPass, functionPass, lanePass);
  visitLane(op, grants, visit);
  return true;
}

/** C before S in a ratio of 10:1, when both have work. */
function classInTurn(op: Op, functionId: string, fn: Doc): 'S' | 'C' {
  if (op.tx.zcard(runnableLanesKey(functionId, 'C')) === 0) return 'S';
  if (op.tx.zcard(runnableLanesKey(functionId, 'S')) === 0) return 'C';
  return intField(fn, 'pc') <= intField(fn, 'ps') ? 'C' : 'S';
}

function advanceVirtualTimes(op: Op, visit: Visit, accountPass: number, functionPass: number, lanePass: number): void {
  if (int(op.tx.hget(SYS, 'vt')) < accountPass) op.tx.hset(SYS, { vt: whole(accountPass) });
  if (intField(visit.account, 'vt') < functionPass) changeInt(visit.account, 'vt', functionPass);
  if (intField(visit.fn, 'vt' + visit.cls) < lanePass) changeInt(visit.fn, 'vt' + visit.cls, lanePass);
}

/**
 * Grants what the constraints admit, or parks what is full. In the order of execution.md 3.4.6, but that a throttled
 * lane is parked as such only when its account and function have room: parking is at the widest level that is full.
 */
function visitLane(op: Op, grants: Grants, visit: Visit): void {
  layBatonDown(op, visit.laneId, visit.lane);
  const accountRoom = roomIn(op.tx, accountCounter(visit.accountId), accountLimit(visit.account));
  const functionRoom = roomIn(op.tx, functionCounter(visit.functionId), functionLimit(visit.fn));
  if (accountRoom <= 0 || functionRoom <= 0) {
    saveVisit(op, visit);
    if (accountRoom <= 0) parkAccount(op, visit.accountId, visit.account);
    else parkFunction(op, visit.functionId, visit.fn, visit.accountId);
    handBatonsOn(op, visit.lane);
    return;
  }
  let room = Math.min(accountRoom, functionRoom, grants.args.jobsMax - grants.jobIds.length, QUANTUM);
  const rate = throttleRate(visit);
  const bucket = throttleKey(field(visit.lane, 'thr'));
  if (rate !== undefined) {
    const tat = int(op.tx.get(bucket));
    const tokens = tokensIn(rate, tat, op.now);
    if (tokens === 0) {
      park(op, visit, '', nextTokenAt(rate, tat));
      return;
    }
    room = Math.min(room, tokens);
  }
  for (const [counter, slot] of laneCounters(visit.lane)) {
    const left = roomIn(op.tx, counter, limitInSlot(visit.fn, slot));
    if (left <= 0) {
      park(op, visit, counter, op.now + PARK_FALLBACK_MS);
      return;
    }
    room = Math.min(room, left);
  }
  const granted = grantFromLane(op, grants, visit, room);
  if (rate !== undefined && granted > 0) takeTokens(op, bucket, rate, granted);
  charge(op, visit, granted);
  if (op.tx.zcard(laneJobsKey(visit.laneId)) === 0) emptyLane(op, visit.laneId);
  else if (granted === 0) handBatonsOn(op, visit.lane);
}

function park(op: Op, visit: Visit, counter: string, wakeAt: number): void {
  saveVisit(op, visit);
  parkLane(op, visit.laneId, visit.lane, counter, wakeAt);
  handBatonsOn(op, visit.lane);
}

function saveVisit(op: Op, visit: Visit): void {
  saveDoc(op.tx, visit.account);
  saveDoc(op.tx, visit.fn);
  saveDoc(op.tx, visit.lane);
}

/** Undefined when the lane's starts are not throttled. */
function throttleRate(visit: Visit): Rate | undefined {
  if (!isSet(visit.lane, 'thr') || !isSet(visit.fn, 'thl')) return undefined;
  const limit = intField(visit.fn, 'thl');
  return rateOf(limit, intField(visit.fn, 'thp'), limit + intField(visit.fn, 'thb'));
}

function takeTokens(op: Op, bucket: string, rate: Rate, tokens: number): void {
  const tat = tatAfter(rate, int(op.tx.get(bucket)), op.now, tokens);
  op.tx.set(bucket, whole(tat));
  expireAt(op.tx, bucket, idleFrom(tat));
}

/** Leases the first jobs of the lane, dropping those of ended runs. Answers how many. */
function grantFromLane(op: Op, grants: Grants, visit: Visit, jobsMax: number): number {
  // Starting a run changes its function's record: what the visit changed so far comes first.
  saveVisit(op, visit);
  const jobs = op.tx.zfirst(laneJobsKey(visit.laneId), jobsMax);
  let granted = 0;
  for (const [jobId] of jobs) {
    if (!mayGrant(grants)) return granted;
    op.tx.zrem(laneJobsKey(visit.laneId), jobId);
    op.tx.hincr(SYS, 'ready', -1);
    const job = openOrNewDoc(op.tx, jobKey(jobId));
    const runId = field(job, 'run');
    const run = openDoc(op.tx, runKey(runId));
    if (run === undefined) {
      op.tx.hdrop(jobKey(jobId));
    } else {
      const token = tokenOf(grants.args, grants.jobIds.length);
      grantJob(op, jobId, job, runId, run, token, grants.args.leaseMs);
      saveDoc(op.tx, job);
      saveDoc(op.tx, run);
      grants.jobIds.push(jobId);
      grants.bytes += intField(run, 'bytes') + intField(run, 'eb');
      granted += 1;
    }
  }
  return granted;
}

/** Advances the passes of lane, class, function and account, and their places. */
function charge(op: Op, visit: Visit, granted: number): void {
  if (granted === 0) return;
  const { account, fn, lane } = visit;
  changeInt(lane, 'pass', intField(lane, 'pass') + passFor(granted, 1));
  changeInt(fn, 'pass', intField(fn, 'pass') + passFor(granted, weightOf(fn)));
  changeInt(account, 'pass', intField(account, 'pass') + passFor(granted, 1));
  if (visit.cls === 'C') chargeClass(fn, 'pc', 'ps', Math.floor((granted * SCALE) / CONTINUE_SHARE));
  else chargeClass(fn, 'ps', 'pc', granted * SCALE);
  saveVisit(op, visit);
  op.tx.zadd(runnableLanesKey(visit.functionId, visit.cls), intField(lane, 'pass'), visit.laneId);
  op.tx.zadd(runnableFunctionsKey(visit.accountId), intField(fn, 'pass'), visit.functionId);
  op.tx.zadd(RUNNABLE_ACCOUNTS, intField(account, 'pass'), visit.accountId);
}

/** A class that had no work when the other was served takes the other's time along: idling earns no credit. */
function chargeClass(fn: Doc, served: string, other: string, cost: number): void {
  const pass = intField(fn, served);
  if (intField(fn, other) < pass) changeInt(fn, other, pass);
  changeInt(fn, served, pass + cost);
}
