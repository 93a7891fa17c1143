import { DEPTH_LANES_MAX, RUN_JOBS_MAX } from './bounds.ts';
import { viewRun, viewState, type RunView, type StateView } from './dispatch.ts';
import { openDoc } from './docs.ts';
import {
  BUFFERS,
  DUE,
  jobKey,
  laneJobsKey,
  LANES,
  LEASES,
  PARKED,
  PAUSES,
  runJobsKey,
  runKey,
  RUNS,
  SYS,
} from './keys.ts';
import { int } from './numbers.ts';
import { startOp } from './op.ts';
import type { Tx } from './tx.ts';

export interface RunArgs {
  runId: string;
}

export function findRun(tx: Tx, _now: number, args: RunArgs): RunView | undefined {
  const run = openDoc(tx, runKey(args.runId));
  return run === undefined ? undefined : viewRun(args.runId, run);
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
  for (const jobId of tx.smembers(runJobsKey(args.runId), RUN_JOBS_MAX)) {
    const fields = tx.hgetall(jobKey(jobId));
    if (fields !== undefined) jobs.push({ jobId, fields });
  }
  return jobs;
}

export interface FindJobArgs {
  jobId: string;
}

export function findJob(tx: Tx, _now: number, args: FindJobArgs): StoredJob | undefined {
  const fields = tx.hgetall(jobKey(args.jobId));
  return fields === undefined ? undefined : { jobId: args.jobId, fields };
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

/** Ready jobs are those of the oldest lanes where there are very many: `queueDepths` reads all. One command a lane. */
export function counts(tx: Tx, _now: number): CountsView {
  const buffers = tx.zcard(BUFFERS);
  const sys = tx.hgetall(SYS) ?? {};
  let ready = 0;
  for (const [laneId] of tx.zfirst(LANES, DEPTH_LANES_MAX)) ready += tx.zcard(laneJobsKey(laneId));
  return {
    runs: tx.zcard(RUNS),
    delayed: Math.max(0, tx.zcard(DUE) - buffers),
    ready,
    leased: tx.zcard(LEASES),
    parkedLanes: tx.zcard(PARKED),
    pauses: tx.zcard(PAUSES),
    buffers,
    outbox: int(sys['obseq']) - int(sys['obhead']),
  };
}
