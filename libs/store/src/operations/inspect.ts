import { DEPTH_LANES_MAX, RUN_JOBS_MAX } from './bounds.ts';
import { viewRun, viewState, type RunView, type StateView } from './dispatch.ts';
import { field, isSet, openDoc, openOrNewDoc } from './docs.ts';
import {
  BUFFERS,
  DUE,
  functionKey,
  FUNCTIONS,
  laneJobsKey,
  LANES,
  LEASES,
  parkedLanesKey,
  PAUSES,
  runIdOfJob,
  runKey,
  RUNS,
  SYS,
} from './keys.ts';
import { int } from './numbers.ts';
import { startOp } from './op.ts';
import { jobsOf, openJob, openJobOf } from './start-jobs.ts';
import type { Tx } from './tx.ts';
import { completeRun } from './waiting-runs.ts';

export interface RunArgs {
  runId: string;
}

export function findRun(tx: Tx, _now: number, args: RunArgs): RunView | undefined {
  const run = openDoc(tx, runKey(args.runId));
  if (run === undefined) return undefined;
  if (!isSet(run, 'app')) completeRun(run, openOrNewDoc(tx, functionKey(field(run, 'fn'))));
  return viewRun(args.runId, run);
}

export function findRunState(tx: Tx, now: number, args: RunArgs): StateView | undefined {
  const run = openDoc(tx, runKey(args.runId));
  return run === undefined ? undefined : viewState(startOp(tx, now), args.runId, run);
}

/** A job as stored. */
export interface StoredJob {
  jobId: string;
  fields: Readonly<Record<string, string>>;
}

export function findRunJobs(tx: Tx, _now: number, args: RunArgs): StoredJob[] {
  const jobs: StoredJob[] = [];
  const run = openOrNewDoc(tx, runKey(args.runId));
  for (const jobId of jobsOf(tx, args.runId, run, RUN_JOBS_MAX)) {
    const job = openJob(tx, jobId, args.runId, run);
    if (job !== undefined) jobs.push({ jobId, fields: job.stored });
  }
  return jobs;
}

export interface FindJobArgs {
  jobId: string;
}

export function findJob(tx: Tx, _now: number, args: FindJobArgs): StoredJob | undefined {
  const job = openJobOf(tx, args.jobId, runIdOfJob(args.jobId));
  return job === undefined ? undefined : { jobId: args.jobId, fields: job.stored };
}

export interface CountsView {
  runs: number;
  delayed: number;
  ready: number;
  leased: number;
  parkedLanes: number;
  pauses: number;
  buffers: number;
  outbox: number;
}

/**
 * Ready jobs are those of the oldest lanes where there are very many: `queueDepths` reads all. Parked lanes are those of the oldest
 * functions. One command a lane and function.
 */
export function counts(tx: Tx, _now: number): CountsView {
  const buffers = tx.zcard(BUFFERS);
  const sys = tx.hgetall(SYS) ?? {};
  let ready = 0;
  for (const [laneId] of tx.zfirst(LANES, DEPTH_LANES_MAX)) ready += tx.zcard(laneJobsKey(laneId));
  let parkedLanes = 0;
  for (const [functionId] of tx.zfirst(FUNCTIONS, DEPTH_LANES_MAX)) parkedLanes += tx.scard(parkedLanesKey(functionId));
  return {
    runs: tx.zcard(RUNS),
    delayed: Math.max(0, tx.zcard(DUE) - buffers),
    ready,
    leased: tx.zcard(LEASES),
    parkedLanes,
    pauses: tx.zcard(PAUSES),
    buffers,
    outbox: int(sys['obseq']) - int(sys['obhead']),
  };
}
