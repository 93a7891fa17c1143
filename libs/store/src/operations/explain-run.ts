import { EXPLAIN_HOLDERS_MAX, EXPLAIN_JOBS_MAX, EXPLAIN_RUNS_MAX } from './bounds.ts';
import { accountCounter, accountLimit, functionCounter, functionLimit, laneCounters, limitInSlot } from './counters.ts';
import { field, intField, isSet, openDoc, openOrNewDoc, type Doc } from './docs.ts';
import { nextTokenAt, tokensIn } from './gcra.ts';
import { accountKey, counterKey, functionKey, laneJobsKey, laneKey, runIdOfJob, runKey, throttleKey } from './keys.ts';
import { int } from './numbers.ts';
import type { RunArgs, StoredJob } from './inspect.ts';
import { jobsOf, openJob } from './start-jobs.ts';
import { throttleRate } from './throttle.ts';
import type { Tx } from './tx.ts';

/** As `WaitReason` of the port. */
export type WaitView =
  | { kind: 'nothing' | 'paused' | 'turn' }
  | { kind: 'time'; until: number }
  | { kind: 'throttle'; key: string; until: number }
  | CapacityView;

interface CapacityView {
  kind: 'capacity';
  constraint: 'account' | 'function' | 'keyed' | 'run';
  slot?: number;
  key: string;
  limit: number;
  held: number;
  holders: string[];
}

export interface JobWaitView extends StoredJob {
  waitsFor: WaitView;
  ahead: number;
}

/**
 * What each of the first `EXPLAIN_JOBS_MAX` jobs of a live run waits for, in the order in which `claim` looks. Ready ones are mostly in
 * one lane and wait for the same. Changes nothing. 2 commands a job, up to 12 a lane.
 */
export function explainRun(tx: Tx, now: number, { runId }: RunArgs): JobWaitView[] | undefined {
  const run = openDoc(tx, runKey(runId));
  if (run === undefined) return undefined;
  const waits: JobWaitView[] = [];
  const ofLanes: Record<string, WaitView> = {};
  for (const jobId of jobsOf(tx, runId, run, EXPLAIN_JOBS_MAX)) {
    const job = openJob(tx, jobId, runId, run);
    if (job !== undefined) waits.push(explainJob(tx, now, jobId, job, run, ofLanes));
  }
  return waits;
}

function explainJob(
  tx: Tx,
  now: number,
  jobId: string,
  job: Doc,
  run: Doc,
  ofLanes: Record<string, WaitView>,
): JobWaitView {
  const state = field(job, 'st');
  const fields = job.stored;
  if (state === 'L') return { jobId, fields, waitsFor: { kind: 'nothing' }, ahead: 0 };
  if (state === 'D') return { jobId, fields, waitsFor: { kind: 'time', until: intField(job, 'at') }, ahead: 0 };
  const laneId = field(job, 'lane');
  const waitsFor = ofLanes[laneId] ?? explainLane(tx, now, laneId, run);
  ofLanes[laneId] = waitsFor;
  return { jobId, fields, waitsFor, ahead: tx.zrank(laneJobsKey(laneId), jobId) ?? 0 };
}

/** The widest thing that is full. */
function explainLane(tx: Tx, now: number, laneId: string, run: Doc): WaitView {
  const functionId = field(run, 'fn');
  const fn = openOrNewDoc(tx, functionKey(functionId));
  const accountId = isSet(run, 'acct') ? field(run, 'acct') : field(fn, 'racct');
  const lane = openOrNewDoc(tx, laneKey(laneId));
  if (field(fn, 'state') === 'paused') return { kind: 'paused' };
  const ofAccount = accountLimit(openOrNewDoc(tx, accountKey(accountId)));
  return (
    ifFull(tx, 'account', accountCounter(accountId), ofAccount) ??
    ifFull(tx, 'function', functionCounter(functionId), functionLimit(fn)) ??
    ifThrottled(tx, now, lane, fn) ??
    ifLaneFull(tx, lane, fn) ?? { kind: 'turn' }
  );
}

function ifFull(
  tx: Tx,
  constraint: CapacityView['constraint'],
  counter: string,
  limit: number,
): CapacityView | undefined {
  const held = tx.scard(counterKey(counter));
  if (held < limit) return undefined;
  return { kind: 'capacity', constraint, key: counter.substring(2), limit, held, holders: holdersOf(tx, counter) };
}

function ifThrottled(tx: Tx, now: number, lane: Doc, fn: Doc): WaitView | undefined {
  const rate = throttleRate(lane, fn);
  if (rate === undefined) return undefined;
  const key = field(lane, 'thr');
  const tat = int(tx.get(throttleKey(key)));
  return tokensIn(rate, tat, now) > 0 ? undefined : { kind: 'throttle', key, until: nextTokenAt(rate, tat) };
}

function ifLaneFull(tx: Tx, lane: Doc, fn: Doc): WaitView | undefined {
  for (const [counter, slot] of laneCounters(lane)) {
    const full = ifFull(tx, slot === 'run' ? 'run' : 'keyed', counter, limitInSlot(fn, slot));
    if (full !== undefined && slot !== 'run') full.slot = slot === 'k1' ? 0 : 1;
    if (full !== undefined) return full;
  }
  return undefined;
}

/** Some of the runs that hold it. */
function holdersOf(tx: Tx, counter: string): string[] {
  const runs: string[] = [];
  const seen: Record<string, boolean> = {};
  for (const holder of tx.smembers(counterKey(counter), EXPLAIN_HOLDERS_MAX)) {
    const runId = runIdOfJob(holder);
    if (seen[runId] !== true && runs.length < EXPLAIN_RUNS_MAX) {
      seen[runId] = true;
      runs.push(runId);
    }
  }
  return runs;
}
