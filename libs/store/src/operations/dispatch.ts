import { leaveBacklog } from './backlog.ts';
import { runCounter } from './counters.ts';
import { change, changeInt, field, intField, isSet, openDoc, type Doc } from './docs.ts';
import { enqueueJob, leaseJob, removeJob, requestCounters } from './jobs.ts';
import {
  counterKey,
  defersKey,
  eventsKey,
  finishTimeoutJobId,
  jobKey,
  stackKey,
  startTimeoutJobId,
  stepsKey,
} from './keys.ts';
import type { Op } from './op.ts';
import { appendOutbox } from './outbox.ts';
import { completeRun, metaOf } from './waiting-runs.ts';

/** A run as `RunRecord` of the port. */
export interface RunView {
  runId: string;
  functionId: string;
  accountId: string;
  envId: string;
  appId: string;
  functionVersion: number;
  status: 'Scheduled' | 'Running';
  scheduledAt: number;
  startedAt?: number;
  requestVersion: number;
  forcePlan: boolean;
  stepCount: number;
  stateBytes: number;
  correlationId?: string;
  meta: string;
}

export interface StateView {
  events: string;
  /** Pairs [hash, memo], only of steps on the stack. */
  steps: [string, string][];
  stack: string[];
  /** Pairs [hash, what stands in the list]: of a run that has deferred any. */
  defers?: [string, string][];
}

/** A leased job as `ClaimedJob` of the port, the steps as pairs. */
export interface JobView {
  jobId: string;
  token: string;
  leaseUntil: number;
  target: string;
  attempt: number;
  attemptsMax: number;
  generation: number;
  infraAttempts: number;
  stackPosition: number;
  run: RunView;
  state?: StateView;
}

/** Leases a job that has been granted capacity in its own name. A start job's first lease starts its run. `fn`: its function's record. */
export function grantJob(
  op: Op,
  jobId: string,
  job: Doc,
  runId: string,
  run: Doc,
  fn: Doc,
  token: string,
  leaseMs: number,
): void {
  if (field(run, 'st') === 'Scheduled') completeRun(run, fn);
  for (const counter of requestCounters(run)) op.tx.sadd(counterKey(counter), jobId);
  leaseJob(op, jobId, job, run, token, leaseMs);
  if (field(run, 'st') === 'Scheduled') startRun(op, runId, run, fn);
}

function startRun(op: Op, runId: string, run: Doc, fn: Doc): void {
  change(run, 'st', 'Running');
  changeInt(run, 'start', op.now);
  if (isSet(run, 'r')) op.tx.sadd(counterKey(runCounter(field(run, 'r'))), runId);
  leaveBacklog(op, runId, run);
  appendOutbox(op, { kind: 'run-started', run: runId, fn: field(run, 'fn') });
  const timeout = isSet(run, 'sto') ? openDoc(op.tx, jobKey(startTimeoutJobId(runId))) : undefined;
  if (timeout !== undefined) removeJob(op, startTimeoutJobId(runId), timeout, run);
  const finishTimeoutMs = intField(fn, 'fto');
  if (finishTimeoutMs === 0) return;
  enqueueJob(op, runId, run, {
    jobId: finishTimeoutJobId(runId),
    kind: 'finish-timeout',
    target: '',
    attemptsMax: 1,
    at: op.now + finishTimeoutMs,
    isRace: false,
    pauseId: '',
  });
}

export function viewRun(runId: string, run: Doc): RunView {
  const view: RunView = {
    runId,
    functionId: field(run, 'fn'),
    accountId: field(run, 'acct'),
    envId: field(run, 'env'),
    appId: field(run, 'app'),
    functionVersion: intField(run, 'ver'),
    status: field(run, 'st') === 'Scheduled' ? 'Scheduled' : 'Running',
    scheduledAt: intField(run, 'sched'),
    requestVersion: intField(run, 'rv'),
    forcePlan: isSet(run, 'fp'),
    stepCount: intField(run, 'steps'),
    stateBytes: intField(run, 'bytes'),
    meta: metaOf(run),
  };
  if (isSet(run, 'start')) view.startedAt = intField(run, 'start');
  if (isSet(run, 'corr')) view.correlationId = field(run, 'corr');
  return view;
}

/** Where there are no steps and no deferred runs, nothing is read but the events. */
export function viewState(op: Op, runId: string, run: Doc): StateView {
  const events = op.tx.get(eventsKey(runId)) ?? '';
  const hasSteps = intField(run, 'sl') > 0;
  const view: StateView = {
    events,
    steps: hasSteps ? op.tx.mall(stepsKey(runId)) : [],
    stack: hasSteps ? op.tx.lrange(stackKey(runId)) : [],
  };
  if (isSet(run, 'dfn')) view.defers = viewDefers(op.tx.hgetall(defersKey(runId)) ?? {});
  return view;
}

function viewDefers(stored: Readonly<Record<string, string>>): [string, string][] {
  const defers: [string, string][] = [];
  for (const hash of Object.keys(stored)) defers.push([hash, stored[hash] ?? '']);
  return defers;
}

export function viewJob(jobId: string, job: Doc, runId: string, run: Doc): JobView {
  return {
    jobId,
    token: field(job, 'tok'),
    leaseUntil: intField(job, 'exp'),
    target: field(job, 'target'),
    attempt: intField(job, 'att'),
    attemptsMax: intField(job, 'max'),
    generation: intField(job, 'gen') + 1,
    infraAttempts: intField(job, 'infra'),
    stackPosition: intField(job, 'pos'),
    run: viewRun(runId, run),
  };
}
