import { CHAIN_MAX, LOWERED_MS } from './bounds.ts';
import { accountLimit, functionLimit, limitInSlot, roomIn } from './counters.ts';
import { completeStep, isGrouping, openGroup, requestDiscovery } from './discovery.ts';
import { viewJob, viewState, type JobView } from './dispatch.ts';
import { change, changeInt, field, intField, isSet, newDoc, openDoc, openOrNewDoc, saveDoc, type Doc } from './docs.ts';
import { endRun } from './end-run.ts';
import { isBeyond, openLease, type Lease, type RunLimits } from './fence.ts';
import {
  enqueueJob,
  holderOf,
  leaseJob,
  newJobFields,
  registerJob,
  releaseCapacity,
  removeLeasedJob,
  requestCounters,
  type NewJob,
} from './jobs.ts';
import {
  accountKey,
  correlationKey,
  eventsKey,
  finishedJobsKey,
  functionKey,
  jobKey,
  pauseKey,
  runKey,
  stepJobId,
  stepsKey,
} from './keys.ts';
import { int, whole } from './numbers.ts';
import { startOp, type Op } from './op.ts';
import { appendOutbox } from './outbox.ts';
import { createPause, type NewPause } from './pauses.ts';
import { dropPlanned, saveStep, type Memo } from './save-step.ts';
import type { Tx } from './tx.ts';

export interface SaveArgs extends Memo {
  isRace: boolean;
}

export interface PlanArgs {
  kind: 'run' | 'sleep' | 'wait' | 'invoke' | 'signal';
  hash: string;
  isRace: boolean;
  attemptsMax?: number;
  wakeAt?: number;
  pause?: NewPause;
  invokeEvent?: { eventId: string; body: string; bodyBytes: number };
  conflict?: 'fail' | 'replace' | 'taken';
}

export interface AdvanceArgs {
  runId: string;
  lease: Lease;
  saves: SaveArgs[];
  plans: PlanArgs[];
  requestVersion?: number;
  isParallel: boolean;
  discover: boolean;
  underway?: string[];
  attemptsMax: number;
  limits: RunLimits;
  chain?: { token: string; leaseMs: number; knownStack: number };
}

export type AdvanceResult =
  | { kind: 'advanced'; next?: JobView; hasReady: boolean }
  | { kind: 'stale' }
  | { kind: 'run-gone' }
  | { kind: 'too-many-steps' }
  | { kind: 'state-too-large' }
  | { kind: 'signal-conflict'; hash: string };

const DEADLOCK_OUTPUT =
  '{"name":"DeadlockedRun","message":"The function neither ended nor named anything to wait for.","stack":""}';

/** The answer being committed: the leased job's run, and what the answer made ready. */
interface Commit {
  op: Op;
  args: AdvanceArgs;
  runId: string;
  run: Doc;
  job: Doc;
  ready: NewJob[];
  /** Hashes planned by this answer: what becomes ready is stored only at its end. */
  planned: Record<string, boolean>;
  discover: boolean;
  /** Something was saved or planned that was not before. */
  hasNews: boolean;
  /** A save lost to an earlier writer: what the caller holds is not what is stored. */
  hasLostSave: boolean;
}

/**
 * Commits an answer that does not end the run: steps saved, others planned, the job and its capacity released or handed
 * to the run's next job, discovery by the rules of sdk-protocol.md 7.6. All or nothing: every refusal comes before the
 * first write. A repeat under the same token answers as before. 15 commands for one step with a chained job.
 */
export function advance(tx: Tx, now: number, args: AdvanceArgs): AdvanceResult {
  const op = startOp(tx, now);
  const fenced = openLease(tx, args.runId, args.lease);
  if (fenced.kind === 'run-gone') return { kind: 'run-gone' };
  if (fenced.kind === 'stale') return repeated(op, args, fenced.run);
  const { run, job } = fenced;
  const refusal = refuse(op, args, run);
  if (refusal !== undefined) return refusal;

  const commit: Commit = {
    op,
    args,
    runId: args.runId,
    run,
    job,
    ready: [],
    planned: {},
    discover: args.discover,
    hasNews: false,
    hasLostSave: false,
  };
  noteVersion(commit);
  noteParallel(commit);
  for (const plan of args.plans) planStep(commit, plan);
  for (const save of args.saves) commitSave(commit, save);
  if (args.underway !== undefined) return goOn(commit);
  removeLeasedJob(op, args.lease.jobId, job, run);
  discoverNext(commit);
  if (intField(run, 'nj') === 0 && commit.ready.length === 0 && !redrive(commit)) return advanced(undefined, false);
  return dispatchNext(commit);
}

function advanced(next: JobView | undefined, hasReady: boolean): AdvanceResult {
  return next === undefined ? { kind: 'advanced', hasReady } : { kind: 'advanced', next, hasReady };
}

// ------------------------------------------------------------------------------------------------------- refusals

function refuse(op: Op, args: AdvanceArgs, run: Doc): AdvanceResult | undefined {
  const steps = args.saves.length + args.plans.length;
  let bytes = 0;
  for (const save of args.saves) bytes += save.memoBytes;
  // Mostly even too much is within the limits: what is there already need not be looked up.
  if (isBeyond(run, steps, bytes, args.limits) !== '') {
    const beyond = exceeds(op, args, run);
    if (beyond !== '') return { kind: beyond };
  }
  const waiters: Record<string, string> = {};
  for (const plan of args.plans) {
    if (isSignalTaken(op, args.runId, run, plan, waiters)) return { kind: 'signal-conflict', hash: plan.hash };
  }
  return undefined;
}

/** Counts only what is new. */
function exceeds(op: Op, args: AdvanceArgs, run: Doc): '' | 'too-many-steps' | 'state-too-large' {
  let steps = 0;
  let bytes = 0;
  for (const save of args.saves) {
    if (!op.tx.mhas(stepsKey(args.runId), save.hash)) {
      bytes += save.memoBytes;
      if (!isPlanned(op, args.runId, save.hash)) steps += 1;
    }
  }
  for (const plan of args.plans) {
    if (!isKnown(op, args.runId, plan.hash)) steps += 1;
  }
  return isBeyond(run, steps, bytes, args.limits);
}

function isPlanned(op: Op, runId: string, hash: string): boolean {
  return op.tx.hget(jobKey(stepJobId(runId, hash)), 'st') !== undefined;
}

/** Saved, queued or waiting: planning it again changes nothing. */
function isKnown(op: Op, runId: string, hash: string): boolean {
  return op.tx.mhas(stepsKey(runId), hash) || isPlanned(op, runId, hash);
}

/**
 * Another live run, or another step, waits for the signal, and the newcomer is to fail (execution.md 5.9). `waiters`: the pauses that are new
 * with this answer, by their signals.
 */
function isSignalTaken(op: Op, runId: string, run: Doc, plan: PlanArgs, waiters: Record<string, string>): boolean {
  const pause = plan.pause;
  if (plan.kind !== 'signal' || pause === undefined || isKnown(op, runId, plan.hash)) return false;
  const signal = correlationKey('signal', field(run, 'env'), pause.correlationId ?? '');
  const sibling = waiters[signal] ?? pause.pauseId;
  waiters[signal] = pause.pauseId;
  if (plan.conflict === 'replace') return false;
  if (plan.conflict === 'taken' || sibling !== pause.pauseId) return true;
  const waiter = op.tx.get(signal);
  if (waiter === undefined || waiter === pause.pauseId) return false;
  const waitingRun = op.tx.hget(pauseKey(waiter), 'run');
  return waitingRun !== undefined && op.tx.hget(runKey(waitingRun), 'st') !== undefined;
}

// ----------------------------------------------------------------------------------------------------- what is new

function noteVersion(commit: Commit): void {
  const version = commit.args.requestVersion;
  if (version !== undefined && intField(commit.run, 'rv') === -1) changeInt(commit.run, 'rv', version);
}

/** An answer of several ops makes the SDK plan from now on; with planned steps it opens a pending group. */
function noteParallel(commit: Commit): void {
  const { op, args, runId, run } = commit;
  if (!args.isParallel) return;
  change(run, 'fp', '1');
  let hasPlannedRun = false;
  const members: string[] = [];
  const racers: string[] = [];
  for (const plan of args.plans) {
    if (plan.kind === 'run') hasPlannedRun = true;
    join(commit, plan.isRace ? racers : members, plan.hash);
  }
  for (const save of args.saves) join(commit, save.isRace ? racers : members, save.hash);
  for (const hash of args.underway ?? []) join(commit, members, hash);
  if (hasPlannedRun && isGrouping(run)) openGroup(op, runId, run, members, racers);
}

/** What is saved already will not complete again, and would hold the group open for ever. */
function join(commit: Commit, members: string[], hash: string): void {
  if (!commit.op.tx.mhas(stepsKey(commit.runId), hash)) members.push(hash);
}

function planStep(commit: Commit, plan: PlanArgs): void {
  const { op, runId, run } = commit;
  if (commit.planned[plan.hash] === true || isKnown(op, runId, plan.hash)) return;
  commit.planned[plan.hash] = true;
  commit.hasNews = true;
  changeInt(run, 'steps', intField(run, 'steps') + 1);
  if (plan.kind === 'invoke' && plan.invokeEvent !== undefined) {
    const { eventId, body, bodyBytes } = plan.invokeEvent;
    appendOutbox(op, { kind: 'event', id: eventId, body, size: whole(bodyBytes) });
  }
  if (plan.kind === 'run') {
    commit.ready.push(stepJob(commit, plan, 'edge', op.now, plan.attemptsMax ?? 1));
    return;
  }
  const pause = plan.pause;
  const at = pause === undefined ? (plan.wakeAt ?? op.now) : pause.expiresAt;
  if (at <= op.now) {
    endAtOnce(commit, plan);
    return;
  }
  if (pause !== undefined) createPause(op, runId, run, pause, plan.hash, plan.isRace);
  enqueueJob(op, runId, run, stepJob(commit, plan, pause === undefined ? 'sleep' : 'timeout', at, 1));
}

function stepJob(
  commit: Commit,
  plan: PlanArgs,
  kind: 'edge' | 'sleep' | 'timeout',
  at: number,
  attemptsMax: number,
): NewJob {
  return {
    jobId: stepJobId(commit.runId, plan.hash),
    kind,
    target: plan.hash,
    attemptsMax,
    at,
    isRace: plan.isRace,
    pauseId: plan.pause === undefined ? '' : plan.pause.pauseId,
  };
}

/** A sleep or wait that is over when it is planned needs no timer. */
function endAtOnce(commit: Commit, plan: PlanArgs): void {
  const pause = plan.pause;
  const memo = pause === undefined ? 'null' : (pause.timeoutMemo ?? 'null');
  const memoBytes = pause === undefined ? 4 : (pause.timeoutMemoBytes ?? 4);
  saveStep(commit.op, commit.runId, commit.run, { hash: plan.hash, memo, memoBytes }, true);
  noteCompletion(commit, plan.hash, plan.isRace);
}

function commitSave(commit: Commit, save: SaveArgs): void {
  const { op, args, runId, run } = commit;
  const planned = isStepPlanned(commit, save.hash);
  const isNew = saveStep(op, runId, run, save, planned);
  if (isNew) commit.hasNews = true;
  else commit.hasLostSave = true;
  if (planned && stepJobId(runId, save.hash) !== args.lease.jobId) dropPlanned(op, runId, run, save.hash);
  // What followed from the first completion has followed: where nothing is left of it, this is no progress.
  if (!isNew && intField(run, 'nj') === 1) return;
  noteCompletion(
    commit,
    save.hash,
    save.isRace || (isSet(commit.job, 'race') && field(commit.job, 'target') === save.hash),
  );
}

/** Mostly the answered job is all that the run has, and nothing need be looked up. */
function isStepPlanned(commit: Commit, hash: string): boolean {
  const { op, args, runId, run } = commit;
  if (stepJobId(runId, hash) === args.lease.jobId) return true;
  return intField(run, 'nj') > 1 && isPlanned(op, runId, hash);
}

function noteCompletion(commit: Commit, hash: string, isRace: boolean): void {
  if (completeStep(commit.op, commit.runId, commit.run, hash, isRace)) commit.discover = true;
}

// ---------------------------------------------------------------------------------------------------- what is next

function discoverNext(commit: Commit): void {
  const { op, args, runId, run, job } = commit;
  if (isSet(run, 'ag') && field(job, 'target') === 'step') {
    change(run, 'ag', '');
    commit.discover = true;
  }
  if (commit.hasNews) change(run, 'rd', '');
  if (!commit.discover) return;
  const discovery = requestDiscovery(op, runId, run, args.attemptsMax);
  if (discovery !== undefined) commit.ready.push(discovery);
}

/**
 * Nothing is left that could continue the run (execution.md 5.5): asks the function once more, then fails the run.
 * False when it failed it.
 */
function redrive(commit: Commit): boolean {
  const { op, args, runId, run, job } = commit;
  if (isSet(run, 'rd')) {
    releaseCapacity(op, args.lease.jobId, job, run);
    endRun(op, runId, run, { status: 'Failed', output: DEADLOCK_OUTPUT, reason: 'DeadlockedRun' });
    return false;
  }
  change(run, 'rd', '1');
  const discovery = requestDiscovery(op, runId, run, args.attemptsMax);
  if (discovery !== undefined) commit.ready.push(discovery);
  return true;
}

/**
 * The job stays with the caller, who is busy with steps of this answer; the others start. A repeat finds them known, and
 * answers the same: that something is ready does no harm where nothing is.
 */
function goOn(commit: Commit): AdvanceResult {
  const { op, args, runId, run } = commit;
  const discovery = commit.discover ? requestDiscovery(op, runId, run, args.attemptsMax) : undefined;
  if (discovery !== undefined) commit.ready.push(discovery);
  for (const next of commit.ready) enqueueJob(op, runId, run, next);
  saveDoc(op.tx, run);
  return advanced(undefined, true);
}

/** Hands the first ready job to the caller where that is allowed; the others go to their lane. */
function dispatchNext(commit: Commit): AdvanceResult {
  const { op, args, runId, run, job } = commit;
  const first = commit.ready[0];
  const chained = first !== undefined && mayChain(commit) ? chainJob(commit, first) : undefined;
  if (chained === undefined) releaseCapacity(op, args.lease.jobId, job, run);
  for (let i = chained === undefined ? 0 : 1; i < commit.ready.length; i++) {
    const next = commit.ready[i];
    if (next !== undefined) enqueueJob(op, runId, run, next);
  }
  rememberAnswer(commit, chained);
  saveDoc(op.tx, run);
  return advanced(chained, op.hasReady);
}

/** What a repeat under the same token is answered with: token, `hasReady`, whether the state was left out, next job. */
function rememberAnswer(commit: Commit, chained: JobView | undefined): void {
  const { op, args, runId, run } = commit;
  const flags = (op.hasReady ? ' 1' : ' 0') + (holdsState(commit) ? ' 1 ' : ' 0 ');
  const nextId = chained === undefined ? '' : chained.jobId;
  const answer = args.lease.token + flags + nextId;
  if (chained !== undefined && intField(run, 'nj') === 1) {
    // Nobody but the caller has anything of the run: its last answer is the only one that can be asked for again.
    change(run, 'laj', args.lease.jobId);
    change(run, 'la', answer);
  } else {
    change(run, 'dn', '1');
    op.tx.mset(finishedJobsKey(runId), args.lease.jobId, answer);
  }
}

/** The parts of the answer given under this lease. A step that was forgotten and planned again has its job's ID again. */
function answerOf(op: Op, runId: string, run: Doc, lease: Lease): string[] | undefined {
  const last = field(run, 'laj') === lease.jobId ? field(run, 'la').split(' ') : [];
  if (last[0] === lease.token) return last;
  const finished = isSet(run, 'dn') ? op.tx.mget(finishedJobsKey(runId), lease.jobId) : undefined;
  const parts = (finished ?? '').split(' ');
  return parts[0] === lease.token ? parts : undefined;
}

/** A chain ends after a few jobs, when its function is paused, or when a limit was lowered below what is in use. */
function mayChain(commit: Commit): boolean {
  const { op, args, run, job } = commit;
  if (args.chain === undefined || intField(job, 'chn') >= CHAIN_MAX) return false;
  // Without its events the run cannot go on: the claim of its next job ends it.
  if (!holdsState(commit) && !op.tx.has(eventsKey(commit.runId))) return false;
  const fnKey = functionKey(field(run, 'fn'));
  if (op.tx.hget(fnKey, 'state') === 'paused') return false;
  const accountLowered = int(op.tx.hget(accountKey(field(run, 'acct')), 'low'));
  const isLowered = Math.max(accountLowered, int(op.tx.hget(fnKey, 'low'))) + LOWERED_MS > op.now;
  return !isLowered || isWithinLimits(op, run);
}

function isWithinLimits(op: Op, run: Doc): boolean {
  const fn = openOrNewDoc(op.tx, functionKey(field(run, 'fn')));
  const account = openOrNewDoc(op.tx, accountKey(field(run, 'acct')));
  const limits = [accountLimit(account), functionLimit(fn)];
  if (isSet(run, 'k1')) limits.push(limitInSlot(fn, 'k1'));
  if (isSet(run, 'k2')) limits.push(limitInSlot(fn, 'k2'));
  const counters = requestCounters(run);
  for (let i = 0; i < counters.length; i++) {
    if (roomIn(op.tx, counters[i] ?? '', limits[i] ?? 0) < 0) return false;
  }
  return true;
}

/** The next job takes over the capacity of the one that ended, so that no counter, lane or pass is touched. */
function chainJob(commit: Commit, next: NewJob): JobView {
  const { op, args, runId, run, job } = commit;
  const chain = args.chain ?? { token: '', leaseMs: 0, knownStack: -1 };
  const successor = newDoc(jobKey(next.jobId), newJobFields(runId, run, next));
  change(successor, 'hold', holderOf(args.lease.jobId, job));
  changeInt(successor, 'chn', intField(job, 'chn') + 1);
  registerJob(op, runId, run, next);
  leaseJob(op, next.jobId, successor, run, chain.token, chain.leaseMs);
  saveDoc(op.tx, successor);
  return chainedView(op, runId, run, next.jobId, successor, holdsState(commit));
}

/** Nobody but the caller saved anything since it was given the state. */
function holdsState(commit: Commit): boolean {
  const chain = commit.args.chain;
  return chain !== undefined && chain.knownStack === intField(commit.run, 'sl') && !commit.hasLostSave;
}

function chainedView(op: Op, runId: string, run: Doc, jobId: string, job: Doc, isStateKnown: boolean): JobView {
  const view = viewJob(jobId, job, runId, run);
  if (!isStateKnown) view.state = viewState(op, runId, run);
  return view;
}

/** The job ended under this token before: the answer of that time, the chained job only while it is still leased. */
function repeated(op: Op, args: AdvanceArgs, run: Doc): AdvanceResult {
  const parts = answerOf(op, args.runId, run, args.lease);
  if (parts === undefined) return { kind: 'stale' };
  const nextId = parts.slice(3).join(' ');
  const next = openDoc(op.tx, jobKey(nextId));
  if (next === undefined || args.chain === undefined || field(next, 'tok') !== args.chain.token) {
    return advanced(undefined, parts[1] === '1');
  }
  const isStateKnown = parts[2] === '1' && args.chain.knownStack === intField(run, 'sl');
  return advanced(chainedView(op, args.runId, run, nextId, next, isStateKnown), parts[1] === '1');
}
