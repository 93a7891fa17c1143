import { change, changeInt, field, intField, openOrNewDoc, saveDoc, type Doc } from './docs.ts';
import { accountLimit, functionLimit, limitInSlot } from './counters.ts';
import { accountKey, functionKey } from './keys.ts';
import {
  listFunction,
  pauseFunction,
  resumeFunction,
  unparkAccount,
  unparkFunction,
  wakeFunctionLanes,
} from './lanes.ts';
import { whole } from './numbers.ts';
import { startOp } from './op.ts';
import { noteKeys } from './rekey.ts';
import type { Tx } from './tx.ts';

export interface SetFunctionArgs {
  functionId: string;
  accountId: string;
  version: number;
  revision?: number;
  keysId?: string;
  weight: number;
  concurrency: number;
  keyed: number[];
  run?: number;
  throttle?: { limit: number; burst: number; periodMs: number };
  backlogMax?: number;
  startTimeoutMs?: number;
  finishTimeoutMs?: number;
}

/**
 * Stores a function's limits; those of an older version or revision change nothing. Other key expressions than before have its
 * runs keyed anew. What waits for a limit of the function is looked
 * at again. True when more lanes wait than one operation wakes: then it is to be repeated, which is harmless always.
 */
export function setFunction(tx: Tx, now: number, args: SetFunctionArgs): boolean {
  const op = startOp(tx, now);
  const fn = openOrNewDoc(tx, functionKey(args.functionId));
  if (isOutdated(fn, args)) return false;
  listFunction(op, args.functionId, fn, args.accountId);
  change(fn, 'acct', args.accountId);
  changeInt(fn, 'ver', args.version);
  changeInt(fn, 'rev', args.revision ?? 0);
  if (args.keysId !== undefined) noteKeys(op, args.functionId, fn, args.keysId);
  changeInt(fn, 'w', Math.max(1, Math.floor(args.weight * 1000)));
  if (isLowered(fn, args)) changeInt(fn, 'low', now);
  changeInt(fn, 'lim', args.concurrency);
  setOptional(fn, 'k1', args.keyed[0]);
  setOptional(fn, 'k2', args.keyed[1]);
  setOptional(fn, 'run', args.run);
  setOptional(fn, 'thl', args.throttle?.limit);
  setOptional(fn, 'thb', args.throttle?.burst);
  setOptional(fn, 'thp', args.throttle?.periodMs);
  setOptional(fn, 'bmax', args.backlogMax);
  setOptional(fn, 'sto', args.startTimeoutMs);
  setOptional(fn, 'fto', args.finishTimeoutMs);
  saveDoc(tx, fn);
  unparkFunction(op, args.functionId);
  return wakeFunctionLanes(op, args.functionId);
}

/** The numbers of a version are changed by revisions of it. */
function isOutdated(fn: Doc, args: SetFunctionArgs): boolean {
  if (field(fn, 'ver') === '') return false;
  if (args.version !== intField(fn, 'ver')) return args.version < intField(fn, 'ver');
  return (args.revision ?? 0) < intField(fn, 'rev');
}

/** More may be in use than the new limits allow: chains have to look (`mayChain`). */
function isLowered(fn: Doc, args: SetFunctionArgs): boolean {
  if (field(fn, 'ver') === '') return false;
  if (args.concurrency < functionLimit(fn)) return true;
  for (const slot of ['k1', 'k2']) {
    const limit = args.keyed[slot === 'k1' ? 0 : 1];
    if (limit !== undefined && limit < limitInSlot(fn, slot)) return true;
  }
  return false;
}

function setOptional(fn: Doc, name: string, value: number | undefined): void {
  change(fn, name, value === undefined ? '' : whole(value));
}

export interface SetAccountConcurrencyArgs {
  accountId: string;
  limit: number;
}

/** Stores the limit of an account; if the account was held back by it, it is looked at again. */
export function setAccountConcurrency(tx: Tx, now: number, args: SetAccountConcurrencyArgs): void {
  const account = openOrNewDoc(tx, accountKey(args.accountId));
  if (args.limit < accountLimit(account)) changeInt(account, 'low', now);
  changeInt(account, 'lim', args.limit);
  saveDoc(tx, account);
  unparkAccount(startOp(tx, now), args.accountId);
}

export interface SetFunctionStateArgs {
  functionId: string;
  state: 'active' | 'paused' | 'drained';
}

/**
 * paused: jobs stay, none is claimed, new runs are skipped; drained: new runs are skipped. Leaving 'paused' puts the
 * function back with all that became ready meanwhile. A repeat changes nothing.
 */
export function setFunctionState(tx: Tx, now: number, args: SetFunctionStateArgs): void {
  const op = startOp(tx, now);
  const fn = openOrNewDoc(tx, functionKey(args.functionId));
  const wasPaused = field(fn, 'state') === 'paused';
  change(fn, 'state', args.state === 'active' ? '' : args.state);
  saveDoc(tx, fn);
  if (args.state === 'paused') pauseFunction(op, args.functionId, field(fn, 'acct'));
  else if (wasPaused) resumeFunction(op, args.functionId, fn, field(fn, 'acct'));
}
