import { field, intField, openDoc, type Doc } from './docs.ts';
import { jobKey, runKey } from './keys.ts';
import type { Tx } from './tx.ts';

export interface Lease {
  jobId: string;
  token: string;
}

/** A lease whose token was right: its run and job, open. */
export interface Held {
  kind: 'held';
  run: Doc;
  job: Doc;
}

/** Every mutation by a lease's holder passes here. `job`: what is there instead, to recognise a repeat by. */
export type Fenced = Held | { kind: 'run-gone' } | { kind: 'stale'; run: Doc; job: Doc | undefined };

export function openLease(tx: Tx, runId: string, lease: Lease): Fenced {
  const run = openDoc(tx, runKey(runId));
  if (run === undefined) return { kind: 'run-gone' };
  const job = openDoc(tx, jobKey(lease.jobId));
  if (job === undefined || field(job, 'st') !== 'L' || field(job, 'tok') !== lease.token) {
    return { kind: 'stale', run, job };
  }
  return { kind: 'held', run, job };
}

/** The same where nothing but the answer is of interest: a record is read whole at many times the cost of a field. */
export function checkLease(tx: Tx, runId: string, lease: Lease): 'held' | 'run-gone' | 'stale' {
  if (tx.hget(runKey(runId), 'st') === undefined) return 'run-gone';
  const key = jobKey(lease.jobId);
  return tx.hget(key, 'tok') === lease.token && tx.hget(key, 'st') === 'L' ? 'held' : 'stale';
}

/** What a run may grow to. */
export interface RunLimits {
  stepsMax: number;
  stateBytesMax: number;
}

export function isBeyond(
  run: Doc,
  newSteps: number,
  newBytes: number,
  limits: RunLimits,
): '' | 'too-many-steps' | 'state-too-large' {
  if (newSteps > 0 && intField(run, 'steps') + newSteps > limits.stepsMax) return 'too-many-steps';
  if (newBytes > 0 && intField(run, 'bytes') + newBytes > limits.stateBytesMax) return 'state-too-large';
  return '';
}
