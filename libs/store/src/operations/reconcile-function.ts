import { PARK_FALLBACK_MS } from './bounds.ts';
import { accountCounter, accountLimit, functionCounter, functionLimit, roomIn } from './counters.ts';
import { isSet, openOrNewDoc } from './docs.ts';
import { accountKey, functionKey, FUNCTIONS, PARKED, RUNNABLE_ACCOUNTS, runnableFunctionsKey } from './keys.ts';
import {
  hasRunnableLanes,
  isBlocked,
  makeAccountRunnable,
  resumeFunction,
  takeOutFunction,
  unparkAccount,
  unparkFunction,
} from './lanes.ts';
import { reconcileCounter } from './reconcile-counter.ts';
import { isFirstLook, mayRepair, type Repair } from './repair.ts';

/** I2 and I3 of lanes.ts for a function and its account, and the holders of their counters. */
export function reconcileFunction(repair: Repair, functionId: string): void {
  const { op } = repair;
  const accountId = op.tx.hget(functionKey(functionId), 'acct') ?? '';
  if (accountId === '') {
    if (!mayRepair(repair, 'function ' + functionId + ' is listed and has no account')) return;
    op.tx.zrem(FUNCTIONS, functionId);
    repair.places += 1;
    return;
  }
  reconcileCounter(repair, functionCounter(functionId));
  reconcileCounter(repair, accountCounter(accountId));
  reconcilePlace(repair, functionId, accountId);
  if (isFirstLook(repair, 'account ' + accountId)) reconcileAccount(repair, accountId);
}

function reconcilePlace(repair: Repair, functionId: string, accountId: string): void {
  const { op } = repair;
  let fn = openOrNewDoc(op.tx, functionKey(functionId));
  const hasRoom = isSet(fn, 'par') && roomIn(op.tx, functionCounter(functionId), functionLimit(fn)) > 0;
  if (hasRoom && mayRepair(repair, 'function ' + functionId + ' is parked and has room')) {
    unparkFunction(op, functionId);
    repair.places += 1;
    fn = openOrNewDoc(op.tx, functionKey(functionId));
  }
  keepTimer(repair, 'F|' + functionId, isSet(fn, 'par'));
  const isListed = op.tx.zscore(runnableFunctionsKey(accountId), functionId) !== undefined;
  if (isListed === (hasRunnableLanes(op, functionId) && !isBlocked(fn))) return;
  if (
    !mayRepair(
      repair,
      'function ' + functionId + (isListed ? ' is runnable in vain' : ' could run and is not runnable'),
    )
  )
    return;
  if (isListed) takeOutFunction(op, functionId, accountId);
  else resumeFunction(op, functionId, fn, accountId);
  repair.places += 1;
}

function reconcileAccount(repair: Repair, accountId: string): void {
  const { op } = repair;
  let account = openOrNewDoc(op.tx, accountKey(accountId));
  const hasRoom = isSet(account, 'par') && roomIn(op.tx, accountCounter(accountId), accountLimit(account)) > 0;
  if (hasRoom && mayRepair(repair, 'account ' + accountId + ' is parked and has room')) {
    unparkAccount(op, accountId);
    repair.places += 1;
    account = openOrNewDoc(op.tx, accountKey(accountId));
  }
  keepTimer(repair, 'A|' + accountId, isSet(account, 'par'));
  const isListed = op.tx.zscore(RUNNABLE_ACCOUNTS, accountId) !== undefined;
  if (isListed === (op.tx.zcard(runnableFunctionsKey(accountId)) > 0 && !isSet(account, 'par'))) return;
  if (
    !mayRepair(repair, 'account ' + accountId + (isListed ? ' is runnable in vain' : ' could run and is not runnable'))
  )
    return;
  if (isListed) op.tx.zrem(RUNNABLE_ACCOUNTS, accountId);
  else makeAccountRunnable(op, accountId, account);
  repair.places += 1;
}

function keepTimer(repair: Repair, entry: string, isParked: boolean): void {
  const { tx, now } = repair.op;
  if ((tx.zscore(PARKED, entry) !== undefined) === isParked) return;
  if (!mayRepair(repair, entry + (isParked ? ' is parked without a timer' : ' has a timer and is not parked'))) return;
  if (isParked) tx.zadd(PARKED, now + PARK_FALLBACK_MS, entry);
  else tx.zrem(PARKED, entry);
  repair.places += 1;
}
