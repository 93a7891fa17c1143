import {
  FUNCTION_LANES_MAX,
  LANE_HELD_MS,
  LANE_IDLE_MS,
  LINE_FALLBACK_MS,
  PARK_FALLBACK_MS,
  SCALE,
  WAITING_CREDIT,
  WAKE_SCAN_MAX,
} from './bounds.ts';
import { accountCounter, functionCounter, laneCounters, limitInSlot } from './counters.ts';
import { change, changeInt, field, intField, isSet, openDoc, openOrNewDoc, saveDoc, type Doc } from './docs.ts';
import { nextTokenAt, tatAfter, tokensIn, tokensSince, type Rate } from './gcra.ts';
import {
  accountKey,
  batonsKey,
  counterKey,
  EXPIRIES,
  functionKey,
  FUNCTIONS,
  laneJobsKey,
  laneKey,
  LANES,
  PARKED,
  parkedLanesKey,
  RUNNABLE_ACCOUNTS,
  runnableFunctionsKey,
  runnableLanesKey,
  SYS,
  throttleKey,
  waitersKey,
} from './keys.ts';
import { int, whole } from './numbers.ts';
import type { Op } from './op.ts';
import { bucketOfLine, functionOfLine, isLine, lineOf, rateOfFunction } from './throttle.ts';
import type { Tx } from './tx.ts';

/*
 * Ready jobs wait in lanes; a lane belongs to a class of a function (S: starts, C: goes on), a function to an account.
 * At each level the runnable ones stand in a sorted set by pass (stride scheduling). A level that is blocked is parked,
 * at the level where it is blocked: an account at its own counter, a function at its own, a lane at a keyed or run-level
 * counter or in the line at its throttle's bucket.
 *
 *            job comes                         blocked
 *   empty ─────────────▶ runnable (in fr) ────────────────▶ parked (in fp, parked, cw)
 *     ▲                     │     ▲                             │
 *     └── last job leaves ──┘     └──── holder leaves / time ───┘
 *
 * Invariants:
 * I1. A lane has jobs if and only if it is runnable or parked.
 * I2. A function is in `ar` if and only if it has a runnable lane and is neither paused nor parked. Likewise an account
 *     in `acc`, if one of its functions is in `ar` and it is not parked.
 * I3. A function or account is parked only while its counter is full.
 * I4. While a lane of a function that is not blocked waits for a counter with room for it, another lane that uses the
 *     counter is about to be visited: it carries the baton (`bat`, `bt`). So a holder that leaves wakes one lane, and
 *     whatever ends the carrier's turn in vain (parked for something else, its last job gone, its function blocked) wakes the next one
 *     while there is room.
 * I5. A stored pass may be ahead of the position in the sorted set (chained jobs are charged so); the next visit puts it
 *     right. The lag is one chain, however long it goes on.
 * I6. While lanes stand in a line, its timer stands in `parked`, at the next token for which none of them is awake yet: as many are
 *     woken as there are tokens. For each other token a lane of the function and bucket is about to be visited, and when it goes
 *     without having taken one (parked for a counter, its last job gone), it wakes the first of the line. So lanes that wait
 *     for a bucket cost nothing until it is their turn. Nobody else can use the tokens, so that a function which is blocked keeps them.
 */

export interface LaneSpec {
  laneId: string;
  functionId: string;
  accountId: string;
  cls: 'S' | 'C';
  throttle: string;
  k1: string;
  k2: string;
  run: string;
}

/** The lane of a run's jobs: S until it has started, where start-only constraints apply, C afterwards. */
export function laneOf(run: Doc): LaneSpec {
  const isStart = field(run, 'st') === 'Scheduled';
  const cls = isStart ? 'S' : 'C';
  const functionId = field(run, 'fn');
  const k1 = field(run, 'k1');
  const k2 = field(run, 'k2');
  const throttle = isStart ? field(run, 'thr') : '';
  const level = isStart ? field(run, 'r') : '';
  const laneId = functionId + '|' + cls + '|' + throttle + '|' + k1 + '|' + k2 + '|' + level;
  return { laneId, functionId, accountId: field(run, 'acct'), cls, throttle, k1, k2, run: level };
}

/** Where a run's jobs stand in their lanes: by when it was scheduled, moved by its priority. */
export function scoreOf(run: Doc): number {
  return intField(run, isSet(run, 'sc') ? 'sc' : 'sched');
}

/** Puts a ready job into its lane. */
export function addToLane(op: Op, lane: LaneSpec, jobId: string, score: number): void {
  const key = laneJobsKey(lane.laneId);
  const wasEmpty = op.tx.zcard(key) === 0;
  op.tx.zadd(key, score, jobId);
  op.hasReady = true;
  if (wasEmpty) startLane(op, lane);
}

function startLane(op: Op, lane: LaneSpec): void {
  const doc = openOrNewDoc(op.tx, laneKey(lane.laneId));
  if (!isSet(doc, 'fn')) describeLane(op, lane, doc);
  makeLaneRunnable(op, lane.laneId, doc);
  saveDoc(op.tx, doc);
}

/** A record that is not there yet. It expires when it is long out of use; until then its jobs come and go without a word. */
export function describeLane(op: Op, lane: LaneSpec, doc: Doc): void {
  op.tx.zadd(LANES, op.tx.hincr(SYS, 'seq', 1), lane.laneId);
  op.tx.zadd(EXPIRIES, op.now + LANE_IDLE_MS, doc.key);
  change(doc, 'fn', lane.functionId);
  // A run that waits for its start may leave its account to its function.
  change(
    doc,
    'acct',
    lane.accountId === '' ? (op.tx.hget(functionKey(lane.functionId), 'racct') ?? '') : lane.accountId,
  );
  change(doc, 'cls', lane.cls);
  if (lane.throttle !== '') change(doc, 'thr', lane.throttle);
  if (lane.k1 !== '') change(doc, 'k1', lane.k1);
  if (lane.k2 !== '') change(doc, 'k2', lane.k2);
  if (lane.run !== '') change(doc, 'r', lane.run);
}

/** Describes a lane anew whose record is lost; without jobs it is dropped: false. Its ID says what it is but whose. */
export function reviveLane(op: Op, laneId: string, lane: Doc): boolean {
  const [functionId = '', cls = '', throttle = '', k1 = '', k2 = '', run = ''] = laneId.split('|');
  if (op.tx.zcard(laneJobsKey(laneId)) === 0) {
    op.tx.zrem(runnableLanesKey(functionId, cls), laneId);
    op.tx.srem(parkedLanesKey(functionId), laneId);
    op.tx.zrem(PARKED, 'L|' + laneId);
    return false;
  }
  const accountId = op.tx.hget(functionKey(functionId), 'acct') ?? '';
  describeLane(op, { laneId, functionId, accountId, cls: cls === 'S' ? 'S' : 'C', throttle, k1, k2, run }, lane);
  return true;
}

/** The lane has jobs and is not parked. `credit`: how far its pass, and its function's, may be behind the others'. */
export function makeLaneRunnable(op: Op, laneId: string, lane: Doc, credit = 0): void {
  const functionId = field(lane, 'fn');
  const cls = field(lane, 'cls');
  const fn = openOrNewDoc(op.tx, functionKey(functionId));
  const next = Math.max(intField(fn, 'va' + cls), intField(fn, 'vt' + cls));
  if (catchUp(lane, intField(fn, 'vt' + cls), next, credit)) changeInt(fn, 'va' + cls, intField(lane, 'pass') + 1);
  op.tx.zadd(runnableLanesKey(functionId, cls), intField(lane, 'pass'), laneId);
  makeFunctionRunnable(op, functionId, fn, field(lane, 'acct'), credit);
}

/**
 * Idle time earns no credit: a pass is at least the virtual time of its level when its owner becomes runnable. Who comes later
 * takes the `next` one (`va`), up to one job ahead of that time: so names do not decide between them, and time moves on when it
 * is always new ones that are served. Answers whether it was taken.
 */
function catchUp(doc: Doc, virtualTime: number, next: number, credit: number): boolean {
  if (intField(doc, 'pass') > virtualTime - credit) return false;
  changeInt(doc, 'pass', credit > 0 ? virtualTime - credit : Math.min(next, virtualTime + SCALE - 1));
  return credit === 0;
}

function makeFunctionRunnable(op: Op, functionId: string, fn: Doc, accountId: string, credit: number): void {
  const key = runnableFunctionsKey(accountId);
  const isThere = op.tx.zscore(key, functionId) !== undefined;
  if (!isThere) listFunction(op, functionId, fn, accountId);
  if (isThere || isBlocked(fn)) {
    saveDoc(op.tx, fn);
    return;
  }
  const account = openOrNewDoc(op.tx, accountKey(accountId));
  const next = Math.max(intField(account, 'va'), intField(account, 'vt'));
  if (catchUp(fn, intField(account, 'vt'), next, credit)) changeInt(account, 'va', intField(fn, 'pass') + 1);
  op.tx.zadd(key, intField(fn, 'pass'), functionId);
  saveDoc(op.tx, fn);
  makeAccountRunnable(op, accountId, account);
}

/** The function has an account, and its counter is found by `reconcile`. */
export function listFunction(op: Op, functionId: string, fn: Doc, accountId: string): void {
  if (isSet(fn, 'acct')) return;
  op.tx.zadd(FUNCTIONS, op.tx.hincr(SYS, 'seq', 1), functionId);
  change(fn, 'acct', accountId);
}

export function makeAccountRunnable(op: Op, accountId: string, account: Doc): void {
  if (!isSet(account, 'par') && op.tx.zscore(RUNNABLE_ACCOUNTS, accountId) === undefined) {
    const virtualTime = int(op.tx.hget(SYS, 'vt'));
    const next = Math.max(int(op.tx.hget(SYS, 'va')), virtualTime);
    if (catchUp(account, virtualTime, next, 0)) op.tx.hset(SYS, { va: whole(intField(account, 'pass') + 1) });
    op.tx.zadd(RUNNABLE_ACCOUNTS, intField(account, 'pass'), accountId);
  }
  saveDoc(op.tx, account);
}

/** Paused, or parked at its counter: none of its lanes is visited. */
export function isBlocked(fn: Doc): boolean {
  return isSet(fn, 'par') || field(fn, 'state') === 'paused';
}

/** The widest thing that still has its place after a lane left. */
export type Kept = 'function' | 'account' | 'none';

/** A lane left `fr`: its function and account leave their sets with their last runnable one. */
export function tidyFunction(op: Op, functionId: string, accountId: string): Kept {
  if (hasRunnableLanes(op, functionId)) return 'function';
  return takeOutFunction(op, functionId, accountId);
}

export function hasRunnableLanes(op: Op, functionId: string): boolean {
  return op.tx.zcard(runnableLanesKey(functionId, 'C')) > 0 || op.tx.zcard(runnableLanesKey(functionId, 'S')) > 0;
}

export function takeOutFunction(op: Op, functionId: string, accountId: string): Kept {
  const functions = runnableFunctionsKey(accountId);
  op.tx.zrem(functions, functionId);
  if (op.tx.zcard(functions) > 0) return 'account';
  op.tx.zrem(RUNNABLE_ACCOUNTS, accountId);
  return 'none';
}

// ------------------------------------------------------------------------------------------------- park and wake

/** Parks a runnable lane. `awaited`: the counter or line that it waits for. */
export function parkLane(op: Op, laneId: string, lane: Doc, awaited: string): void {
  const functionId = field(lane, 'fn');
  op.tx.zrem(runnableLanesKey(functionId, field(lane, 'cls')), laneId);
  op.tx.sadd(parkedLanesKey(functionId), laneId);
  op.tx.zadd(PARKED, op.now + (isLine(awaited) ? LINE_FALLBACK_MS : PARK_FALLBACK_MS), 'L|' + laneId);
  change(lane, 'par', '1');
  change(lane, 'pc', awaited);
  // Who was woken for a token that another lane took keeps its place in the line.
  if (isLine(awaited) && !isSet(lane, 'wn')) changeInt(lane, 'wn', op.tx.hincr(SYS, 'wseq', 1));
  op.tx.zadd(waitersKey(awaited), isLine(awaited) ? intField(lane, 'wn') : op.tx.hincr(SYS, 'wseq', 1), laneId);
  saveDoc(op.tx, lane);
  tidyFunction(op, functionId, field(lane, 'acct'));
}

/**
 * Puts a parked lane back, whatever it waited for. Waiting for a counter is not being idle: those who had its room meanwhile
 * are ahead, and without credit for that the ones that meet at a counter would be served by name.
 */
export function unparkLane(op: Op, laneId: string, lane: Doc): void {
  const isForCounter = isSet(lane, 'pc') && !isLine(field(lane, 'pc'));
  if (isForCounter) {
    change(lane, 'bat', '1');
    op.tx.sadd(batonsKey(field(lane, 'acct')), laneId);
  }
  leaveParking(op, laneId, lane);
  makeLaneRunnable(op, laneId, lane, isForCounter ? WAITING_CREDIT : 0);
  saveDoc(op.tx, lane);
  op.hasReady = true;
}

export function leaveParking(op: Op, laneId: string, lane: Doc): void {
  if (isSet(lane, 'pc')) leaveWaiters(op, field(lane, 'pc'), laneId);
  op.tx.srem(parkedLanesKey(field(lane, 'fn')), laneId);
  op.tx.zrem(PARKED, 'L|' + laneId);
  change(lane, 'par', '');
  change(lane, 'pc', '');
}

/** A line has no timer when nobody stands in it. */
export function leaveWaiters(op: Op, awaited: string, laneId: string): void {
  op.tx.zrem(waitersKey(awaited), laneId);
  if (isLine(awaited) && op.tx.zcard(waitersKey(awaited)) === 0) op.tx.zrem(PARKED, awaited);
}

/** The lane has its turn, or none will come: it carries no baton any more. The caller saves the lane. */
export function layBatonDown(op: Op, laneId: string, lane: Doc): void {
  if (!isSet(lane, 'bat')) return;
  change(lane, 'bat', '');
  op.tx.srem(batonsKey(field(lane, 'acct')), laneId);
}

/**
 * A function is blocked: batons that its lanes carry go to others. (With an account all that could take them is blocked
 * as well: counters are not shared between accounts.)
 */
function passBatonsOf(op: Op, accountId: string, functionId: string): void {
  for (const laneId of op.tx.smembers(batonsKey(accountId), FUNCTION_LANES_MAX)) {
    const lane = openOrNewDoc(op.tx, laneKey(laneId));
    if (field(lane, 'fn') === functionId) {
      layBatonDown(op, laneId, lane);
      saveDoc(op.tx, lane);
      handBatonsOn(op, lane);
    }
  }
}

export function parkFunction(op: Op, functionId: string, fn: Doc, accountId: string): void {
  change(fn, 'par', '1');
  change(fn, 'acct', accountId);
  saveDoc(op.tx, fn);
  op.tx.zadd(PARKED, op.now + PARK_FALLBACK_MS, 'F|' + functionId);
  takeOutFunction(op, functionId, accountId);
  passBatonsOf(op, accountId, functionId);
}

/** Does nothing when the function is not parked. */
export function unparkFunction(op: Op, functionId: string): void {
  if ((op.tx.hget(functionKey(functionId), 'par') ?? '') === '') return;
  const fn = openOrNewDoc(op.tx, functionKey(functionId));
  change(fn, 'par', '');
  saveDoc(op.tx, fn);
  op.tx.zrem(PARKED, 'F|' + functionId);
  resumeFunction(op, functionId, fn, field(fn, 'acct'));
}

/** Puts a function back that is no longer blocked, if it has runnable lanes. */
export function resumeFunction(op: Op, functionId: string, fn: Doc, accountId: string): void {
  if (!hasRunnableLanes(op, functionId)) return;
  makeFunctionRunnable(op, functionId, fn, accountId, 0);
  op.hasReady = true;
}

export function parkAccount(op: Op, accountId: string, account: Doc): void {
  change(account, 'par', '1');
  saveDoc(op.tx, account);
  op.tx.zadd(PARKED, op.now + PARK_FALLBACK_MS, 'A|' + accountId);
  op.tx.zrem(RUNNABLE_ACCOUNTS, accountId);
}

/** Does nothing when the account is not parked. */
export function unparkAccount(op: Op, accountId: string): void {
  if ((op.tx.hget(accountKey(accountId), 'par') ?? '') === '') return;
  const account = openOrNewDoc(op.tx, accountKey(accountId));
  change(account, 'par', '');
  saveDoc(op.tx, account);
  op.tx.zrem(PARKED, 'A|' + accountId);
  if (op.tx.zcard(runnableFunctionsKey(accountId)) === 0) return;
  makeAccountRunnable(op, accountId, account);
  op.hasReady = true;
}

/** Takes a paused function out. */
export function pauseFunction(op: Op, functionId: string, accountId: string): void {
  takeOutFunction(op, functionId, accountId);
  passBatonsOf(op, accountId, functionId);
}

/** Gives room on the lane's counters to lanes that wait for it (I4). */
export function handBatonsOn(op: Op, lane: Doc): void {
  for (const [counter] of laneCounters(lane)) wakeWaiter(op, counter);
}

/**
 * If there is room on the counter, wakes the oldest lane that may use it. Lanes of functions that are blocked
 * are made runnable in passing (they are visited when their function is back), but the baton goes on.
 */
export function wakeWaiter(op: Op, counter: string): void {
  const waiters = op.tx.zfirst(waitersKey(counter), WAKE_SCAN_MAX);
  if (waiters.length === 0) return;
  const held = op.tx.scard(counterKey(counter));
  for (const [laneId] of waiters) {
    const lane = openOrNewDoc(op.tx, laneKey(laneId));
    // An entry without its lane is damage, and would be in the way of others for ever.
    if (field(lane, 'pc') !== counter) op.tx.zrem(waitersKey(counter), laneId);
    const fn = openOrNewDoc(op.tx, functionKey(field(lane, 'fn')));
    if (field(lane, 'pc') === counter && held < limitOfWaiter(lane, fn, counter)) {
      unparkLane(op, laneId, lane);
      if (!isBlocked(fn)) return;
    }
  }
}

function limitOfWaiter(lane: Doc, fn: Doc, counter: string): number {
  for (const [name, slot] of laneCounters(lane)) {
    if (name === counter) return limitInSlot(fn, slot);
  }
  return 0;
}

// -------------------------------------------------------------------------------------------------- lines at buckets

/** The first instant at which the line's bucket has, or had, a token. */
export function setTimer(op: Op, line: string, rate: Rate | undefined, tat: number): void {
  op.tx.zadd(PARKED, rate === undefined ? 0 : Math.max(0, nextTokenAt(rate, tat)), line);
}

/**
 * The timer of a line fires, set for `firstAt`: as many lanes are woken as tokens came since, `max` at most. Answers how many. Where
 * there is no throttle any more, or no line, all are woken and the timer goes. 5 commands, and those of each lane.
 */
export function wakeLine(op: Op, line: string, firstAt: number, max: number): number {
  const rate = rateOfFunction(openOrNewDoc(op.tx, functionKey(functionOfLine(line))));
  const tat = int(op.tx.get(throttleKey(bucketOfLine(line))));
  const tokens = rate === undefined ? max : tokensIn(rate, tat, op.now);
  const due = rate === undefined ? max : Math.min(tokens, tokensSince(rate, firstAt, op.now));
  const woken = wakeFirst(op, line, Math.min(due, max));
  if (op.tx.zcard(waitersKey(line)) === 0) op.tx.zrem(PARKED, line);
  else if (rate === undefined) setTimer(op, line, rate, tat);
  else if (woken >= due) setTimer(op, line, rate, tatAfter(rate, tat, op.now, tokens));
  else op.tx.zadd(PARKED, op.now - Math.ceil(((due - woken) * rate.intervalUs) / 1000), line);
  return woken;
}

/** The lane goes without having taken a token, if there is one (I6). */
export function handTokenOn(op: Op, lane: Doc): void {
  const line = lineOf(lane);
  if (line === '' || op.tx.zcard(waitersKey(line)) === 0) return;
  const rate = rateOfFunction(openOrNewDoc(op.tx, functionKey(field(lane, 'fn'))));
  const tat = int(op.tx.get(throttleKey(field(lane, 'thr'))));
  if (rate === undefined || tokensIn(rate, tat, op.now) > 0) wakeFirst(op, line, 1);
}

/** Wakes the first lanes of a line. Answers how many: fewer if there are no more, or if some are entries without their lane. */
function wakeFirst(op: Op, line: string, max: number): number {
  let woken = 0;
  for (const [laneId] of op.tx.zfirst(waitersKey(line), max)) {
    const lane = openOrNewDoc(op.tx, laneKey(laneId));
    if (field(lane, 'pc') === line) {
      unparkLane(op, laneId, lane);
      woken += 1;
    } else {
      leaveWaiters(op, line, laneId);
    }
  }
  return woken;
}

/** Has all parked lanes of a function looked at again. Answers whether there are more. */
export function wakeFunctionLanes(op: Op, functionId: string): boolean {
  const parked = op.tx.smembers(parkedLanesKey(functionId), FUNCTION_LANES_MAX);
  for (const laneId of parked) unparkLane(op, laneId, openOrNewDoc(op.tx, laneKey(laneId)));
  return parked.length === FUNCTION_LANES_MAX;
}

// ------------------------------------------------------------------------------------------------- leave and charge

/** The last job left the lane: it is neither runnable nor parked any more. Its record stays a while for its pass. */
export function emptyLane(op: Op, laneId: string, lane: Doc): Kept {
  let kept: Kept = 'function';
  layBatonDown(op, laneId, lane);
  if (isSet(lane, 'par')) {
    leaveParking(op, laneId, lane);
  } else {
    op.tx.zrem(runnableLanesKey(field(lane, 'fn'), field(lane, 'cls')), laneId);
    kept = tidyFunction(op, field(lane, 'fn'), field(lane, 'acct'));
  }
  changeInt(lane, 'idle', op.now);
  leaveLine(lane);
  saveDoc(op.tx, lane);
  handBatonsOn(op, lane);
  return kept;
}

/** The lane has its token, or needs none: next time it stands at the end of the line. The caller saves the lane. */
export function leaveLine(lane: Doc): void {
  if (isSet(lane, 'wn')) change(lane, 'wn', '');
}

/** Whether the record of an idle lane is of no use: its counters are held by nobody, or nobody will look for long. */
export function mayForgetLane(op: Op, laneId: string, lane: Doc): boolean {
  if (op.tx.zcard(laneJobsKey(laneId)) > 0) return false;
  if (intField(lane, 'idle') + LANE_HELD_MS <= op.now) return true;
  const keyed = laneCounters(lane);
  for (const [counter] of keyed) {
    if (op.tx.scard(counterKey(counter)) > 0) return false;
  }
  // Those of a busy function are held for ever, and its keyed lanes may be many.
  if (keyed.length > 0) return true;
  const isHeld = op.tx.scard(counterKey(functionCounter(field(lane, 'fn')))) > 0;
  return !isHeld && op.tx.scard(counterKey(accountCounter(field(lane, 'acct')))) === 0;
}

/** Takes a ready job out of its lane other than by a grant. Whether it was there. */
export function removeFromLane(op: Op, laneId: string, jobId: string): boolean {
  const key = laneJobsKey(laneId);
  if (!op.tx.zrem(key, jobId)) return false;
  if (op.tx.zcard(key) > 0) return true;
  const lane = openDoc(op.tx, laneKey(laneId));
  if (lane === undefined) return true;
  const wasRunnable = !isSet(lane, 'par');
  emptyLane(op, laneId, lane);
  if (wasRunnable) handTokenOn(op, lane);
  return true;
}

/** What `jobs` jobs cost an entity of this weight. */
export function passFor(jobs: number, weight: number): number {
  return Math.max(1, Math.floor((jobs * SCALE) / weight));
}

/** Stored in thousandths. */
export function weightOf(fn: Doc): number {
  return weightFrom(field(fn, 'w'));
}

function weightFrom(stored: string | undefined): number {
  return stored === undefined || stored === '' ? 1 : int(stored) / 1000;
}

/**
 * Charges jobs that a run was handed directly, past its lane, so that chaining earns no unfair share. Positions in the
 * sorted sets stay as they are (I5).
 */
export function chargeChain(tx: Tx, lane: LaneSpec, jobs: number): void {
  if (jobs === 0) return;
  if (tx.hget(laneKey(lane.laneId), 'fn') !== undefined) tx.hincr(laneKey(lane.laneId), 'pass', jobs * SCALE);
  tx.hincr(accountKey(lane.accountId), 'pass', jobs * SCALE);
  const fnKey = functionKey(lane.functionId);
  tx.hincr(fnKey, 'pass', passFor(jobs, weightFrom(tx.hget(fnKey, 'w'))));
}
