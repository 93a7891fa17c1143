import { REKEY_JOBS_MAX, REKEYS_MAX, RUN_JOBS_MAX } from './bounds.ts';
import { runCounter } from './counters.ts';
import { change, changeInt, field, isSet, openDoc, openOrNewDoc, saveDoc, type Doc } from './docs.ts';
import { holderOf, leaveCounter, readyJob, requestCounters } from './jobs.ts';
import { counterKey, functionKey, laneKey, REKEYS, runKey, RUNS } from './keys.ts';
import { describeLane, laneOf, removeFromLane } from './lanes.ts';
import { int, whole } from './numbers.ts';
import { startOp, type Op } from './op.ts';
import { isUnclaimedStart, jobsOf, openJob } from './start-jobs.ts';
import type { Tx } from './tx.ts';

/*
 * Runs are keyed when they are scheduled, by expressions that `kid` of their function stands for. Others have its live runs keyed
 * anew, by whoever can evaluate them: in the order of `runs`, of which `rekeys` tells the place that was reached.
 *
 *   setFunction with another `kid`  ──▶ from the first run on
 *   schedule with another `kid`     ──▶ from that run on, unless the place is before it anyway; `odd`: do not end before it
 *   rekey of the last page          ──▶ done, if `odd` was passed
 */

/** Stores what expressions runs are keyed by. The caller saves the function. */
export function noteKeys(op: Op, functionId: string, fn: Doc, keysId: string): void {
  const earlier = field(fn, 'kid');
  if (earlier === keysId) return;
  change(fn, 'kid', keysId);
  if (earlier !== '') op.tx.zadd(REKEYS, 0, functionId);
}

/** The run at this place may be keyed by other expressions: whoever scheduled it did not know those of the function yet, or newer ones. */
export function noteKeysOfRun(op: Op, functionId: string, fn: Doc, keysId: string | undefined, place: number): void {
  if (keysId === undefined || !isSet(fn, 'kid') || field(fn, 'kid') === keysId) return;
  op.tx.hset(functionKey(functionId), { odd: whole(place) });
  if (op.tx.zscore(REKEYS, functionId) === undefined) op.tx.zadd(REKEYS, place - 1, functionId);
}

export interface Rekey {
  functionId: string;
  keysId: string;
  after: number;
}

/** Functions of which runs are to be keyed anew. Changes nothing. */
export function findRekeys(tx: Tx, _now: number): Rekey[] {
  const rekeys: Rekey[] = [];
  for (const [functionId, after] of tx.zfirst(REKEYS, REKEYS_MAX)) {
    rekeys.push({ functionId, keysId: tx.hget(functionKey(functionId), 'kid') ?? '', after });
  }
  return rekeys;
}

interface Keys {
  throttle?: string;
  keyed?: string[];
  run?: string;
}

export interface RekeyArgs {
  functionId: string;
  keysId: string;
  /** Where the page begins. */
  from: number;
  after: number;
  isLast: boolean;
  runs: { runId: string; keys: Keys }[];
}

export interface RekeyResult {
  kind: 'moved' | 'outdated';
  /** How many of the runs are done: all, or the operation is to be repeated with the others. */
  runs: number;
}

/** What one operation may still look at or move. */
interface Move {
  op: Op;
  left: number;
}

/**
 * Moves runs under other keys. A run of many jobs takes several operations: its ready jobs go to their new lane bit by bit, its
 * record and what it holds with the last of them, so that at any time it holds the counters that its record names. A repeat
 * changes nothing. 1 command for a run whose keys are the same, else 3, 1 a job, those of two lanes for a ready one and 5 for
 * one in progress.
 */
export function rekey(tx: Tx, now: number, args: RekeyArgs): RekeyResult {
  if (tx.hget(functionKey(args.functionId), 'kid') !== args.keysId) return { kind: 'outdated', runs: 0 };
  const move: Move = { op: startOp(tx, now), left: REKEY_JOBS_MAX };
  let runs = 0;
  for (const { runId, keys } of args.runs) {
    if (!rekeyRun(move, args.functionId, runId, keys)) return { kind: 'moved', runs };
    runs += 1;
  }
  noteProgress(tx, args);
  return { kind: 'moved', runs };
}

/** False: not all of its jobs are moved yet. */
function rekeyRun(move: Move, functionId: string, runId: string, keys: Keys): boolean {
  const { op } = move;
  if (move.left <= 0) return false;
  move.left -= 1;
  const before = openDoc(op.tx, runKey(runId));
  if (before === undefined || field(before, 'fn') !== functionId) return true;
  const run = withKeys(before, keys);
  if (!run.isChanged) return true;
  const holders = moveReadyJobs(move, runId, before, run);
  if (holders === undefined) return false;
  saveDoc(op.tx, run);
  describeCounters(op, run);
  moveHolders(op, holders, before, run);
  moveRunHolder(op, runId, before, run);
  return true;
}

function withKeys(before: Doc, keys: Keys): Doc {
  const keyed = keys.keyed ?? [];
  const run: Doc = { key: before.key, stored: before.stored, changes: {}, isChanged: false };
  setKey(run, 'thr', keys.throttle ?? '');
  setKey(run, 'k1', keyed[0] ?? '');
  setKey(run, 'k2', keyed[1] ?? '');
  setKey(run, 'r', keys.run ?? '');
  setKey(run, 'mv', '');
  return run;
}

function setKey(run: Doc, name: string, key: string): void {
  if (field(run, name) !== key) change(run, name, key);
}

/** `run`: with its new keys. Answers the holders in whose names its leased jobs hold capacity; undefined: there are more to be moved. */
function moveReadyJobs(move: Move, runId: string, before: Doc, run: Doc): string[] | undefined {
  const { op } = move;
  const { laneId } = laneOf(run);
  const holders: string[] = [];
  for (const jobId of jobsOf(op.tx, runId, before, RUN_JOBS_MAX)) {
    const job = openJob(op.tx, jobId, runId, before);
    if (job !== undefined && field(job, 'st') === 'L') holders.push(holderOf(jobId, job));
    if (job !== undefined && field(job, 'st') === 'R' && field(job, 'lane') !== laneId) {
      if (move.left <= 0) {
        // Whatever its keys are to be when it goes on, some of its jobs are not in the lane of those that it has.
        op.tx.hset(run.key, { mv: '1' });
        return undefined;
      }
      move.left -= 1;
      removeFromLane(op, field(job, 'lane'), jobId);
      readyJob(op, jobId, job, run);
      if (!isUnclaimedStart(run, runId, jobId)) saveDoc(op.tx, job);
    }
  }
  return holders;
}

/** Counters are found by records of lanes (`reconcileLane`): that of a run which holds any without having been in such a lane. */
function describeCounters(op: Op, run: Doc): void {
  if (field(run, 'st') !== 'Running') return;
  const lane = laneOf({
    key: run.key,
    stored: run.stored,
    changes: { ...run.changes, st: 'Scheduled' },
    isChanged: true,
  });
  const record = openOrNewDoc(op.tx, laneKey(lane.laneId));
  if (isSet(record, 'fn')) return;
  describeLane(op, lane, record);
  changeInt(record, 'idle', op.now);
  saveDoc(op.tx, record);
}

/** What is in progress holds the new counters, whether they have room or not, and only then leaves the old ones. */
function moveHolders(op: Op, holders: string[], before: Doc, run: Doc): void {
  if (holders.length === 0) return;
  // Counters may be over their limits now: chains have to look.
  op.tx.hset(functionKey(field(run, 'fn')), { low: whole(op.now) });
  const isKept: Record<string, boolean> = {};
  for (const counter of requestCounters(run)) {
    isKept[counter] = true;
    for (const holder of holders) op.tx.sadd(counterKey(counter), holder);
  }
  for (const counter of requestCounters(before)) {
    if (isKept[counter] !== true) {
      for (const holder of holders) leaveCounter(op, counter, holder);
    }
  }
}

function moveRunHolder(op: Op, runId: string, before: Doc, run: Doc): void {
  const level = field(run, 'r');
  const earlier = field(before, 'r');
  if (field(run, 'st') !== 'Running' || level === earlier) return;
  if (level !== '') op.tx.sadd(counterKey(runCounter(level)), runId);
  if (earlier !== '') leaveCounter(op, runCounter(earlier), runId);
}

/**
 * The place never goes back; whoever repeats the last page finds the function done. Nothing is left out: a late page of a round that
 * other keys ended since, which have gone again, does not begin where this round is.
 */
function noteProgress(tx: Tx, args: RekeyArgs): void {
  const { functionId, from, after, isLast } = args;
  const reached = tx.zscore(REKEYS, functionId);
  if (reached === undefined || from > reached) return;
  if (isLast && !hasOddBeyond(tx, functionId, after)) tx.zrem(REKEYS, functionId);
  else if (after > reached) tx.zadd(REKEYS, after, functionId);
}

/** Whether there is a run beyond this place that may be the last one scheduled under other keys, or one before that. */
function hasOddBeyond(tx: Tx, functionId: string, after: number): boolean {
  const odd = int(tx.hget(functionKey(functionId), 'odd'));
  const next = odd > after ? tx.zafter(RUNS, after, 1)[0] : undefined;
  return next !== undefined && next[1] <= odd;
}
