import { FUNCTION_LANES_MAX, LANE_IDLE_MS, PARK_FALLBACK_MS, SCALE, WAKE_SCAN_MAX } from './bounds.ts';
import { laneCounters, limitInSlot } from './counters.ts';
import { change, changeInt, field, intField, isSet, openDoc, openOrNewDoc, saveDoc, type Doc } from './docs.ts';
import { expireAt } from './expiry.ts';
import {
  accountKey,
  batonsKey,
  counterKey,
  functionKey,
  laneJobsKey,
  laneKey,
  PARKED,
  parkedLanesKey,
  RUNNABLE_ACCOUNTS,
  runnableFunctionsKey,
  runnableLanesKey,
  SYS,
  waitersKey,
} from './keys.ts';
import { int } from './numbers.ts';
import type { Op } from './op.ts';
import type { Tx } from './tx.ts';

/*
 * Ready jobs wait in lanes; a lane belongs to a class of a function (S: starts, C: goes on), a function to an account.
 * At each level the runnable ones stand in a sorted set by pass (stride scheduling). A level that is blocked is parked,
 * at the level where it is blocked: an account at its own counter, a function at its own, a lane at a keyed or run-level
 * counter or at its throttle.
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

/** Puts a ready job into its lane. */
export function addToLane(op: Op, lane: LaneSpec, jobId: string, score: number): void {
  const key = laneJobsKey(lane.laneId);
  const wasEmpty = op.tx.zcard(key) === 0;
  op.tx.zadd(key, score, jobId);
  op.tx.hincr(SYS, 'ready', 1);
  op.hasReady = true;
  if (wasEmpty) startLane(op, lane);
}

function startLane(op: Op, lane: LaneSpec): void {
  const doc = openOrNewDoc(op.tx, laneKey(lane.laneId));
  if (!isSet(doc, 'fn')) {
    change(doc, 'fn', lane.functionId);
    change(doc, 'acct', lane.accountId);
    change(doc, 'cls', lane.cls);
    if (lane.throttle !== '') change(doc, 'thr', lane.throttle);
    if (lane.k1 !== '') change(doc, 'k1', lane.k1);
    if (lane.k2 !== '') change(doc, 'k2', lane.k2);
    if (lane.run !== '') change(doc, 'r', lane.run);
  }
  makeLaneRunnable(op, lane.laneId, doc);
  saveDoc(op.tx, doc);
}

/** The lane has jobs and is not parked. Idle time earns no credit: its pass is at least the virtual time of its level. */
function makeLaneRunnable(op: Op, laneId: string, lane: Doc): void {
  const functionId = field(lane, 'fn');
  const cls = field(lane, 'cls');
  const virtualTime = int(op.tx.hget(functionKey(functionId), 'vt' + cls));
  if (intField(lane, 'pass') < virtualTime) changeInt(lane, 'pass', virtualTime);
  op.tx.zadd(runnableLanesKey(functionId, cls), intField(lane, 'pass'), laneId);
  makeFunctionRunnable(op, functionId, field(lane, 'acct'));
}

function makeFunctionRunnable(op: Op, functionId: string, accountId: string): void {
  const key = runnableFunctionsKey(accountId);
  if (op.tx.zscore(key, functionId) !== undefined) return;
  const fn = openOrNewDoc(op.tx, functionKey(functionId));
  if (!isSet(fn, 'acct')) change(fn, 'acct', accountId);
  if (isBlocked(fn)) {
    saveDoc(op.tx, fn);
    return;
  }
  const account = op.tx.hget(accountKey(accountId), 'vt');
  if (intField(fn, 'pass') < int(account)) changeInt(fn, 'pass', int(account));
  op.tx.zadd(key, intField(fn, 'pass'), functionId);
  saveDoc(op.tx, fn);
  makeAccountRunnable(op, accountId);
}

function makeAccountRunnable(op: Op, accountId: string): void {
  if (op.tx.zscore(RUNNABLE_ACCOUNTS, accountId) !== undefined) return;
  const account = openOrNewDoc(op.tx, accountKey(accountId));
  if (isSet(account, 'par')) return;
  const virtualTime = int(op.tx.hget(SYS, 'vt'));
  if (intField(account, 'pass') < virtualTime) changeInt(account, 'pass', virtualTime);
  op.tx.zadd(RUNNABLE_ACCOUNTS, intField(account, 'pass'), accountId);
  saveDoc(op.tx, account);
}

/** Paused, or parked at its counter: none of its lanes is visited. */
function isBlocked(fn: Doc): boolean {
  return isSet(fn, 'par') || field(fn, 'state') === 'paused';
}

/** A lane left `fr`: its function and account leave their sets with their last runnable one. */
function tidyFunction(op: Op, functionId: string, accountId: string): void {
  if (op.tx.zcard(runnableLanesKey(functionId, 'C')) > 0) return;
  if (op.tx.zcard(runnableLanesKey(functionId, 'S')) > 0) return;
  takeOutFunction(op, functionId, accountId);
}

function takeOutFunction(op: Op, functionId: string, accountId: string): void {
  const functions = runnableFunctionsKey(accountId);
  op.tx.zrem(functions, functionId);
  if (op.tx.zcard(functions) === 0) op.tx.zrem(RUNNABLE_ACCOUNTS, accountId);
}

// ------------------------------------------------------------------------------------------------- park and wake

/** Parks a runnable lane. `counter`: what it waits for; '' for its throttle. */
export function parkLane(op: Op, laneId: string, lane: Doc, counter: string, wakeAt: number): void {
  const functionId = field(lane, 'fn');
  op.tx.zrem(runnableLanesKey(functionId, field(lane, 'cls')), laneId);
  op.tx.sadd(parkedLanesKey(functionId), laneId);
  op.tx.zadd(PARKED, wakeAt, 'L|' + laneId);
  change(lane, 'par', '1');
  change(lane, 'pc', counter);
  if (counter !== '') op.tx.zadd(waitersKey(counter), op.tx.hincr(SYS, 'wseq', 1), laneId);
  saveDoc(op.tx, lane);
  tidyFunction(op, functionId, field(lane, 'acct'));
}

/** Puts a parked lane back, whatever it waited for. */
export function unparkLane(op: Op, laneId: string, lane: Doc): void {
  if (isSet(lane, 'pc')) {
    change(lane, 'bat', '1');
    op.tx.sadd(batonsKey(field(lane, 'acct')), laneId);
  }
  leaveParking(op, laneId, lane);
  makeLaneRunnable(op, laneId, lane);
  saveDoc(op.tx, lane);
  op.hasReady = true;
}

function leaveParking(op: Op, laneId: string, lane: Doc): void {
  if (isSet(lane, 'pc')) op.tx.zrem(waitersKey(field(lane, 'pc')), laneId);
  op.tx.srem(parkedLanesKey(field(lane, 'fn')), laneId);
  op.tx.zrem(PARKED, 'L|' + laneId);
  change(lane, 'par', '');
  change(lane, 'pc', '');
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
  const fn = openDoc(op.tx, functionKey(functionId));
  if (fn === undefined || !isSet(fn, 'par')) return;
  change(fn, 'par', '');
  saveDoc(op.tx, fn);
  op.tx.zrem(PARKED, 'F|' + functionId);
  resumeFunction(op, functionId, field(fn, 'acct'));
}

/** Puts a function back that is no longer blocked, if it has runnable lanes. */
export function resumeFunction(op: Op, functionId: string, accountId: string): void {
  const lanes = op.tx.zcard(runnableLanesKey(functionId, 'C')) + op.tx.zcard(runnableLanesKey(functionId, 'S'));
  if (lanes === 0) return;
  makeFunctionRunnable(op, functionId, accountId);
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
  const account = openDoc(op.tx, accountKey(accountId));
  if (account === undefined || !isSet(account, 'par')) return;
  change(account, 'par', '');
  saveDoc(op.tx, account);
  op.tx.zrem(PARKED, 'A|' + accountId);
  if (op.tx.zcard(runnableFunctionsKey(accountId)) === 0) return;
  makeAccountRunnable(op, accountId);
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
    const fn = openOrNewDoc(op.tx, functionKey(field(lane, 'fn')));
    if (held < limitOfWaiter(lane, fn, counter)) {
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

/** Has all parked lanes of a function looked at again. Answers whether there are more. */
export function wakeFunctionLanes(op: Op, functionId: string): boolean {
  const parked = op.tx.smembers(parkedLanesKey(functionId), FUNCTION_LANES_MAX);
  for (const laneId of parked) unparkLane(op, laneId, openOrNewDoc(op.tx, laneKey(laneId)));
  return parked.length === FUNCTION_LANES_MAX;
}

// ------------------------------------------------------------------------------------------------- leave and charge

/** The last job left the lane: it is neither runnable nor parked any more. Its record stays a while for its pass. */
export function emptyLane(op: Op, laneId: string): void {
  const lane = openDoc(op.tx, laneKey(laneId));
  if (lane === undefined) return;
  layBatonDown(op, laneId, lane);
  if (isSet(lane, 'par')) {
    leaveParking(op, laneId, lane);
  } else {
    op.tx.zrem(runnableLanesKey(field(lane, 'fn'), field(lane, 'cls')), laneId);
    tidyFunction(op, field(lane, 'fn'), field(lane, 'acct'));
  }
  changeInt(lane, 'idle', op.now);
  saveDoc(op.tx, lane);
  expireAt(op.tx, laneKey(laneId), op.now + LANE_IDLE_MS);
  handBatonsOn(op, lane);
}

/** Takes a ready job out of its lane other than by a grant. */
export function removeFromLane(op: Op, laneId: string, jobId: string): void {
  const key = laneJobsKey(laneId);
  if (!op.tx.zrem(key, jobId)) return;
  op.tx.hincr(SYS, 'ready', -1);
  if (op.tx.zcard(key) === 0) emptyLane(op, laneId);
}

/** What `jobs` jobs cost an entity of this weight. */
export function passFor(jobs: number, weight: number): number {
  return Math.max(1, Math.floor((jobs * SCALE) / weight));
}

/** Stored in thousandths. */
export function weightOf(fn: Doc): number {
  return isSet(fn, 'w') ? intField(fn, 'w') / 1000 : 1;
}

/**
 * Charges jobs that a run was handed directly, past its lane, so that chaining earns no unfair share. Positions in the
 * sorted sets stay as they are (I5).
 */
export function chargeChain(tx: Tx, lane: LaneSpec, jobs: number): void {
  if (jobs === 0) return;
  if (tx.hget(laneKey(lane.laneId), 'fn') !== undefined) tx.hincr(laneKey(lane.laneId), 'pass', jobs * SCALE);
  tx.hincr(accountKey(lane.accountId), 'pass', jobs * SCALE);
  const fn = openOrNewDoc(tx, functionKey(lane.functionId));
  changeInt(fn, 'pass', intField(fn, 'pass') + passFor(jobs, weightOf(fn)));
  saveDoc(tx, fn);
}
