import {
  ANSWER_BYTES_MAX,
  CONTINUE_SHARE,
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
import { endLostRun } from './end-run.ts';
import { grantJob, viewJob, viewState, type JobView } from './dispatch.ts';
import { expireAt } from './expiry.ts';
import { idleFrom, tatAfter, tokensIn } from './gcra.ts';
import {
  accountKey,
  DUE,
  EXPIRIES,
  functionKey,
  jobKey,
  laneJobsKey,
  laneKey,
  LEASES,
  PARKED,
  RUNNABLE_ACCOUNTS,
  runIdOfJob,
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
  handTokenOn,
  layBatonDown,
  leaveLine,
  parkAccount,
  parkFunction,
  parkLane,
  passFor,
  reviveLane,
  setTimer,
  unparkAccount,
  unparkFunction,
  unparkLane,
  wakeLine,
  weightOf,
} from './lanes.ts';
import { int, whole } from './numbers.ts';
import { startOp, type Op } from './op.ts';
import { promote } from './promote.ts';
import { reap } from './reap.ts';
import { isUnclaimedStart, openJob, recordStart } from './start-jobs.ts';
import { isLine, lineOf, throttleRate } from './throttle.ts';
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
  jobs: JobView[];
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
  const earlier = tx.hget(workerKey(args.workerId), 'claim');
  if (earlier === args.claimId) return { jobs: repeatedJobs(op, args), nextWakeAt: now };
  promote(op);
  reap(op, now, REAP_MAX);
  unparkDue(op);
  const grants: Grants = { args, jobs: [], bytes: 0 };
  let visits = 0;
  let isMore = true;
  while (isMore && mayGrant(grants) && visits < VISITS_MAX) {
    isMore = visitNext(op, grants);
    visits += 1;
  }
  if (grants.jobs.length > 0) rememberClaim(op, grants, earlier === undefined);
  const nextWakeAt = isMore && tx.zcard(RUNNABLE_ACCOUNTS) > 0 ? now : nextTimer(op);
  return nextWakeAt === undefined ? { jobs: grants.jobs } : { jobs: grants.jobs, nextWakeAt };
}

/** Large states end a claim early: the caller claims again at once. */
function mayGrant(grants: Grants): boolean {
  return grants.jobs.length < grants.args.jobsMax && grants.bytes < ANSWER_BYTES_MAX;
}

/** The record of a worker expires when it claims nothing any more. */
function rememberClaim(op: Op, grants: Grants, isNew: boolean): void {
  const { workerId, claimId } = grants.args;
  const record: Record<string, string> = { claim: claimId, n: whole(grants.jobs.length), at: whole(op.now) };
  let index = 0;
  for (const job of grants.jobs) {
    record['j' + whole(index)] = job.jobId;
    index += 1;
  }
  op.tx.hset(workerKey(workerId), record);
  if (isNew) op.tx.zadd(EXPIRIES, op.now + WORKER_IDLE_MS, workerKey(workerId));
}

/** The jobs of the first call that are still leased by it. */
function repeatedJobs(op: Op, args: ClaimArgs): JobView[] {
  const worker = openOrNewDoc(op.tx, workerKey(args.workerId));
  const jobs: JobView[] = [];
  for (let i = 0; i < intField(worker, 'n'); i++) {
    const jobId = field(worker, 'j' + whole(i));
    const job = openDoc(op.tx, jobKey(jobId));
    const run = job === undefined ? undefined : openDoc(op.tx, runKey(field(job, 'run')));
    if (job !== undefined && run !== undefined && field(job, 'tok') === tokenOf(args, i)) {
      jobs.push(claimedJob(op, jobId, job, run));
    }
  }
  return jobs;
}

function claimedJob(op: Op, jobId: string, job: Doc, run: Doc): JobView {
  const runId = field(job, 'run');
  const view = viewJob(jobId, job, runId, run);
  view.state = viewState(op, runId, run);
  return view;
}

function tokenOf(args: ClaimArgs, index: number): string {
  return args.claimId + '.' + whole(index);
}

function nextTimer(op: Op): number | undefined {
  let next: number | undefined = undefined;
  for (const key of [DUE, PARKED, LEASES]) {
    const first = op.tx.zfirst(key, 1)[0];
    if (first !== undefined && (next === undefined || first[1] < next)) next = first[1];
  }
  return next;
}

function unparkDue(op: Op): void {
  let left = UNPARK_MAX;
  for (const [entry, at] of op.tx.zupto(PARKED, op.now, UNPARK_MAX)) {
    if (left <= 0) return;
    if (isLine(entry)) {
      left -= Math.max(1, wakeLine(op, entry, at, left));
    } else {
      unpark(op, entry);
      left -= 1;
    }
  }
}

function unpark(op: Op, entry: string): void {
  // Whatever it is about may have been unparked in passing since the list was read.
  op.tx.zrem(PARKED, entry);
  const kind = entry.substring(0, 2);
  const id = entry.substring(2);
  if (kind === 'A|') unparkAccount(op, id);
  else if (kind === 'F|') unparkFunction(op, id);
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
  if (!isSet(lane, 'fn') && !reviveLane(op, laneId, lane)) return true;

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
  let room = Math.min(accountRoom, functionRoom, grants.args.jobsMax - grants.jobs.length, QUANTUM);
  const rate = throttleRate(visit.lane, visit.fn);
  const bucket = throttleKey(field(visit.lane, 'thr'));
  const tat = rate === undefined ? 0 : int(op.tx.get(bucket));
  if (rate !== undefined) {
    const tokens = tokensIn(rate, tat, op.now);
    if (tokens === 0) {
      park(op, visit, lineOf(visit.lane));
      setTimer(op, lineOf(visit.lane), rate, tat);
      return;
    }
    room = Math.min(room, tokens);
  }
  for (const [counter, slot] of laneCounters(visit.lane)) {
    const left = roomIn(op.tx, counter, limitInSlot(visit.fn, slot));
    if (left <= 0) {
      park(op, visit, counter);
      handTokenOn(op, visit.lane);
      return;
    }
    room = Math.min(room, left);
  }
  const jobs = op.tx.zfirst(laneJobsKey(visit.laneId), room + 1);
  const granted = grantJobs(op, grants, visit, jobs.slice(0, room));
  if (rate !== undefined && granted.jobs > 0) takeTokens(op, bucket, tatAfter(rate, tat, op.now, granted.jobs));
  leaveVisit(op, visit, granted.jobs, granted.taken === jobs.length);
}

function park(op: Op, visit: Visit, awaited: string): void {
  saveVisit(op, visit);
  parkLane(op, visit.laneId, visit.lane, awaited);
  handBatonsOn(op, visit.lane);
}

function saveVisit(op: Op, visit: Visit): void {
  saveDoc(op.tx, visit.account);
  saveDoc(op.tx, visit.fn);
  saveDoc(op.tx, visit.lane);
}

function takeTokens(op: Op, bucket: string, tat: number): void {
  op.tx.set(bucket, whole(tat));
  expireAt(op.tx, bucket, idleFrom(tat));
}

/** Leases the first jobs of the lane. `taken`: how many left it; those that are not ready here, and of ended runs, do too. */
function grantJobs(op: Op, grants: Grants, visit: Visit, entries: [string, number][]): { taken: number; jobs: number } {
  const before = grants.jobs.length;
  let taken = 0;
  for (const [jobId] of entries) {
    if (!mayGrant(grants)) break;
    op.tx.zrem(laneJobsKey(visit.laneId), jobId);
    taken += 1;
    grantIfReady(op, grants, visit, jobId);
  }
  return { taken, jobs: grants.jobs.length - before };
}

function grantIfReady(op: Op, grants: Grants, visit: Visit, jobId: string): void {
  const runId = runIdOfJob(jobId);
  const run = openDoc(op.tx, runKey(runId));
  if (run === undefined) {
    op.tx.hdrop(jobKey(jobId));
    return;
  }
  const job = openJob(op.tx, jobId, runId, run);
  if (job === undefined || field(job, 'st') !== 'R' || field(job, 'lane') !== visit.laneId) return;
  if (isUnclaimedStart(run, runId, jobId)) recordStart(op, runId, run, job);
  const token = tokenOf(grants.args, grants.jobs.length);
  grantJob(op, jobId, job, runId, run, visit.fn, token, grants.args.leaseMs);
  saveDoc(op.tx, job);
  saveDoc(op.tx, run);
  const view = claimedJob(op, jobId, job, run);
  if (view.state?.events === '') {
    endLostRun(op, runId, run);
    return;
  }
  grants.jobs.push(view);
  grants.bytes += intField(run, 'bytes') + intField(run, 'eb');
}

/** Charges what was granted, and moves lane, function and account to their new places. */
function leaveVisit(op: Op, visit: Visit, granted: number, isEmpty: boolean): void {
  const { account, fn, lane } = visit;
  if (granted > 0) {
    charge(visit, granted);
    leaveLine(lane);
  }
  saveDoc(op.tx, account);
  saveDoc(op.tx, fn);
  if (!isEmpty) saveDoc(op.tx, lane);
  const kept = isEmpty ? emptyLane(op, visit.laneId, lane) : 'function';
  if (granted > 0) {
    if (!isEmpty) op.tx.zadd(runnableLanesKey(visit.functionId, visit.cls), intField(lane, 'pass'), visit.laneId);
    if (kept === 'function') op.tx.zadd(runnableFunctionsKey(visit.accountId), intField(fn, 'pass'), visit.functionId);
    if (kept !== 'none') op.tx.zadd(RUNNABLE_ACCOUNTS, intField(account, 'pass'), visit.accountId);
  } else if (isEmpty) {
    handTokenOn(op, lane);
  } else {
    handBatonsOn(op, lane);
  }
}

/** Advances the passes of lane, class, function and account. */
function charge(visit: Visit, granted: number): void {
  const { account, fn, lane } = visit;
  changeInt(lane, 'pass', intField(lane, 'pass') + passFor(granted, 1));
  changeInt(fn, 'pass', intField(fn, 'pass') + passFor(granted, weightOf(fn)));
  changeInt(account, 'pass', intField(account, 'pass') + passFor(granted, 1));
  if (visit.cls === 'C') chargeClass(fn, 'pc', 'ps', Math.floor((granted * SCALE) / CONTINUE_SHARE));
  else chargeClass(fn, 'ps', 'pc', granted * SCALE);
}

/** A class that had no work when the other was served takes the other's time along: idling earns no credit. */
function chargeClass(fn: Doc, served: string, other: string, cost: number): void {
  const pass = intField(fn, served);
  if (intField(fn, other) < pass) changeInt(fn, other, pass);
  changeInt(fn, served, pass + cost);
}
