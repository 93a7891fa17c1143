import { joinBacklog } from './backlog.ts';
import { joinBuffer, type BufferArgs } from './buffers.ts';
import { TOMBSTONE_MS } from './bounds.ts';
import { field, intField, isSet, newDoc, openDoc, openOrNewDoc, saveDoc, type Doc } from './docs.ts';
import { endRun } from './end-run.ts';
import { expireAt } from './expiry.ts';
import { idleFrom, nextTokenAt, rateOf, tatAfter, tokensIn } from './gcra.ts';
import { grantJob } from './dispatch.ts';
import { enqueueJob, newJobFields, registerJob, type NewJob } from './jobs.ts';
import {
  backlogKey,
  dedupKey,
  eventsKey,
  EXPIRIES,
  functionKey,
  idempotencyKey,
  jobKey,
  rateLimitKey,
  runKey,
  RUNS,
  singletonKey,
  skippedRunKey,
  startJobId,
  startTimeoutJobId,
} from './keys.ts';
import { int, whole } from './numbers.ts';
import { startOp, type Op } from './op.ts';
import { appendOutbox, nextOutboxSeq, putOutbox } from './outbox.ts';
import { createPause, type NewPause } from './pauses.ts';
import { noteKeysOfRun } from './rekey.ts';
import { saveStep, type Memo } from './save-step.ts';
import { enqueueStart } from './start-jobs.ts';
import type { Tx } from './tx.ts';
import { leaveToFunction, metaField } from './waiting-runs.ts';

export interface ScheduleArgs {
  runId: string;
  functionId: string;
  accountId: string;
  envId: string;
  appId: string;
  functionVersion: number;
  dedupKey: string;
  idempotencyKey?: string;
  rateLimit?: { bucket: string; limit: number; periodMs: number };
  singleton?: { key: string; mode: 'skip' | 'cancel' };
  notBefore: number;
  buffer?: BufferArgs;
  priority: number;
  keys: { throttle?: string; keyed?: string[]; run?: string };
  keysId?: string;
  attemptsMax: number;
  events: string;
  eventsBytes: number;
  meta: string;
  /** The same in pieces of `META_PIECE_BYTES`, where it is longer. */
  metaPieces?: string[];
  correlationId?: string;
  publishesEnd: boolean;
  cancelOn?: NewPause[];
  startTimeoutMs?: number;
  steps?: Memo[];
  lease?: { token: string; leaseMs: number };
}

export type SkipReason = 'FunctionPaused' | 'FunctionDrained' | 'Singleton' | 'FunctionBacklogSizeLimitHit';

export type ScheduleResult =
  | { kind: 'created'; runId: string; cancelled?: string }
  | { kind: 'exists'; runId: string }
  | { kind: 'duplicate'; runId: string; by: 'event' | 'idempotency' }
  | { kind: 'rate-limited'; retryAt: number }
  | { kind: 'skipped'; reason: SkipReason; holder?: string }
  | { kind: 'buffered'; bufferId: string; opened: boolean; closed: boolean };

/**
 * Creates a run and its start job, or has its event enter a buffer, in the order of checks of execution.md 2.3. What is turned away leaves nothing behind
 * but, when skipped, an outbox entry and a marker that makes a repeat recognisable; it spends no token.
 * A repeat with the same run ID answers as before. 14 commands and those of the lane.
 */
export function schedule(tx: Tx, now: number, args: ScheduleArgs): ScheduleResult {
  const op = startOp(tx, now);
  const fn = openOrNewDoc(tx, functionKey(args.functionId));
  const dedup = openOrNewDoc(tx, dedupKey(args.functionId, args.dedupKey));
  return (
    earlierAnswer(op, dedup, args) ??
    skipByState(op, fn, args) ??
    duplicateOf(op, dedup, args) ??
    namesake(op, args) ??
    rateLimited(op, args) ??
    buffered(op, dedup, args) ??
    skipBySingleton(op, args) ??
    skipByBacklog(op, fn, args) ??
    create(op, fn, dedup, args)
  );
}

function earlierAnswer(op: Op, dedup: Doc, args: ScheduleArgs): ScheduleResult | undefined {
  if (field(dedup, 'run') === args.runId) {
    if (isSet(dedup, 'buf')) return bufferedResult(args, field(dedup, 'buf'), isSet(dedup, 'full'));
    if (!isSet(dedup, 'canc')) return { kind: 'created', runId: args.runId };
    return { kind: 'created', runId: args.runId, cancelled: field(dedup, 'canc') };
  }
  const skipped = openDoc(op.tx, skippedRunKey(args.runId));
  if (skipped === undefined) return undefined;
  return skippedResult(field(skipped, 'reason') as SkipReason, field(skipped, 'holder'));
}

function skipByState(op: Op, fn: Doc, args: ScheduleArgs): ScheduleResult | undefined {
  if (field(fn, 'state') === 'paused') return skip(op, args, 'FunctionPaused', '');
  if (field(fn, 'state') === 'drained') return skip(op, args, 'FunctionDrained', '');
  return undefined;
}

function duplicateOf(op: Op, dedup: Doc, args: ScheduleArgs): ScheduleResult | undefined {
  if (isSet(dedup, 'run')) {
    const runId = field(dedup, 'run');
    if (isLive(op, runId)) return { kind: 'exists', runId };
    const until = isSet(dedup, 'until') ? intField(dedup, 'until') : (op.tx.zscore(EXPIRIES, dedup.key) ?? 0);
    if (until > op.now) return { kind: 'duplicate', runId, by: 'event' };
  }
  if (args.idempotencyKey === undefined) return undefined;
  const earlier = openDoc(op.tx, idempotencyKey(args.functionId, args.idempotencyKey));
  if (earlier === undefined || intField(earlier, 'until') <= op.now) return undefined;
  return { kind: 'duplicate', runId: field(earlier, 'run'), by: 'idempotency' };
}

function isLive(op: Op, runId: string): boolean {
  return op.tx.hget(runKey(runId), 'st') !== undefined;
}

function rateLimited(op: Op, args: ScheduleArgs): ScheduleResult | undefined {
  const limit = args.rateLimit;
  if (limit === undefined) return undefined;
  const rate = rateOf(limit.limit, limit.periodMs, limit.limit);
  const tat = int(op.tx.get(rateLimitKey(limit.bucket)));
  return tokensIn(rate, tat, op.now) > 0 ? undefined : { kind: 'rate-limited', retryAt: nextTokenAt(rate, tat) };
}

/** Of two events the newer one has the singleton, also when the older one is handled later: by a slower runner, or once more. */
function skipBySingleton(op: Op, args: ScheduleArgs): ScheduleResult | undefined {
  if (args.singleton === undefined) return undefined;
  const holder = op.tx.get(singletonKey(args.functionId, args.singleton.key));
  if (holder === undefined || !isLive(op, holder)) return undefined;
  const cancels = args.singleton.mode === 'cancel' && args.runId > holder;
  return cancels ? undefined : skip(op, args, 'Singleton', holder);
}

function skipByBacklog(op: Op, fn: Doc, args: ScheduleArgs): ScheduleResult | undefined {
  if (!isSet(fn, 'bmax')) return undefined;
  const isFull = op.tx.scard(backlogKey(args.functionId)) >= intField(fn, 'bmax');
  return isFull ? skip(op, args, 'FunctionBacklogSizeLimitHit', '') : undefined;
}

function skip(op: Op, args: ScheduleArgs, reason: SkipReason, holder: string): ScheduleResult {
  const marker = skippedRunKey(args.runId);
  op.tx.hset(marker, { reason, holder, until: whole(op.now + TOMBSTONE_MS) });
  expireAt(op.tx, marker, op.now + TOMBSTONE_MS);
  const entry = runRecord(op, args);
  entry['kind'] = 'run-skipped';
  entry['run'] = args.runId;
  entry['reason'] = reason;
  entry['holder'] = holder;
  entry['events'] = args.events;
  entry['size'] = whole(args.eventsBytes);
  appendOutbox(op, entry);
  return skippedResult(reason, holder);
}

function skippedResult(reason: SkipReason, holder: string): ScheduleResult {
  return holder === '' ? { kind: 'skipped', reason } : { kind: 'skipped', reason, holder };
}

/**
 * The event enters its buffer: that it was handled is remembered as with a run. What has been decided by now is not asked again
 * when there is a run for it.
 */
function buffered(op: Op, dedup: Doc, args: ScheduleArgs): ScheduleResult | undefined {
  if (args.buffer === undefined) return undefined;
  if (args.rateLimit !== undefined) takeRateToken(op, args.rateLimit);
  const { bufferId, isClosed } = joinBuffer(op, args, args.buffer);
  rememberBuffer(op, dedup, args, isClosed ? { buf: bufferId, full: '1' } : { buf: bufferId });
  return bufferedResult(args, bufferId, isClosed);
}

function bufferedResult(args: ScheduleArgs, bufferId: string, closed: boolean): ScheduleResult {
  return { kind: 'buffered', bufferId, opened: bufferId === args.runId, closed };
}

/** Run IDs are derived from what senders choose: one that is taken, for another event, is never given to a second run. */
function namesake(op: Op, { runId }: ScheduleArgs): ScheduleResult | undefined {
  return isLive(op, runId) ? { kind: 'exists', runId } : undefined;
}

/** The list of live runs comes first, so that `reconcile` finds whatever is there of a run. */
function create(op: Op, fn: Doc, dedup: Doc, args: ScheduleArgs): ScheduleResult {
  if (args.rateLimit !== undefined) takeRateToken(op, args.rateLimit);
  const cancelled = takeSingleton(op, args);
  const seq = nextOutboxSeq(op);
  op.tx.zadd(RUNS, seq, args.runId);
  noteKeysOfRun(op, args.functionId, fn, args.keysId, seq);
  rememberRun(op, dedup, args, cancelled);
  const run = newDoc(runKey(args.runId), runRecord(op, args));
  op.tx.set(eventsKey(args.runId), args.events);
  if (isSet(fn, 'bmax')) joinBacklog(op, args.runId, run);
  // Before the start job, which may be claimed as soon as it is there (the operation is one, but reads better so).
  for (const pause of args.cancelOn ?? []) createPause(op, args.runId, run, pause, '', false);
  for (const step of args.steps ?? []) saveStep(op, args.runId, run, step, false);
  if (args.lease === undefined) waitForStart(op, args, run);
  else leaseStart(op, args, run, fn, args.lease);
  if (args.lease === undefined) leaveToFunction(op.tx, fn, run);
  saveDoc(op.tx, run);
  putOutbox(op, seq, { kind: 'run-scheduled', run: args.runId, size: whole(args.eventsBytes) });
  if (cancelled === '') return { kind: 'created', runId: args.runId };
  return { kind: 'created', runId: args.runId, cancelled };
}

function takeRateToken(op: Op, limit: { bucket: string; limit: number; periodMs: number }): void {
  const key = rateLimitKey(limit.bucket);
  const tat = tatAfter(rateOf(limit.limit, limit.periodMs, limit.limit), int(op.tx.get(key)), op.now, 1);
  op.tx.set(key, whole(tat));
  expireAt(op.tx, key, idleFrom(tat));
}

/** Takes the singleton of the new run, ending the run that holds it. Answers that run's ID or ''. */
function takeSingleton(op: Op, args: ScheduleArgs): string {
  if (args.singleton === undefined) return '';
  const key = singletonKey(args.functionId, args.singleton.key);
  const holder = op.tx.get(key) ?? '';
  const run = holder === '' ? undefined : openDoc(op.tx, runKey(holder));
  if (run !== undefined) endRun(op, holder, run, { status: 'Cancelled', reason: 'singleton' });
  op.tx.set(key, args.runId);
  op.tx.zadd(EXPIRIES, op.now + TOMBSTONE_MS, key);
  return run === undefined ? '' : holder;
}

/** The dedup key stays as long as the run lives: it begins to expire with its end. */
function rememberRun(op: Op, dedup: Doc, args: ScheduleArgs, cancelled: string): void {
  forgetAnswer(op, dedup);
  op.tx.hset(dedup.key, cancelled === '' ? { run: args.runId } : { run: args.runId, canc: cancelled });
  rememberIdempotency(op, args, op.now + TOMBSTONE_MS);
}

/** `answer`: what a repeat is answered by. */
function rememberBuffer(op: Op, dedup: Doc, args: ScheduleArgs, answer: Record<string, string>): void {
  const until = op.now + TOMBSTONE_MS;
  forgetAnswer(op, dedup);
  op.tx.hset(dedup.key, { run: args.runId, until: whole(until), ...answer });
  op.tx.zadd(EXPIRIES, until, dedup.key);
  rememberIdempotency(op, args, until);
}

/** One that has expired may still be there. */
function forgetAnswer(op: Op, dedup: Doc): void {
  if (!isSet(dedup, 'run')) return;
  op.tx.hdrop(dedup.key);
  op.tx.zrem(EXPIRIES, dedup.key);
}

function rememberIdempotency(op: Op, args: ScheduleArgs, until: number): void {
  if (args.idempotencyKey === undefined) return;
  const key = idempotencyKey(args.functionId, args.idempotencyKey);
  op.tx.hset(key, { run: args.runId, until: whole(until) });
  expireAt(op.tx, key, until);
}

/** The stored record of a run that waits for its start. What is 0 or empty is left out. */
function runRecord(op: Op, args: ScheduleArgs): Record<string, string> {
  const record: Record<string, string> = {
    fn: args.functionId,
    acct: args.accountId,
    env: args.envId,
    app: args.appId,
    ver: whole(args.functionVersion),
    st: 'Scheduled',
    sched: whole(op.now),
    rv: '-1',
    meta: args.metaPieces?.[0] ?? args.meta,
    eb: whole(args.eventsBytes),
    max: whole(args.attemptsMax),
    dk: args.dedupKey,
  };
  if (args.publishesEnd) record['pub'] = '1';
  if (args.priority !== 0) record['sc'] = whole(op.now - 1000 * args.priority);
  const keyed = args.keys.keyed ?? [];
  const optional: [string, string | undefined][] = [
    ['thr', args.keys.throttle],
    ['k1', keyed[0]],
    ['k2', keyed[1]],
    ['r', args.keys.run],
    ['corr', args.correlationId],
    ['sg', args.singleton === undefined ? undefined : args.singleton.key],
  ];
  const pieces = args.metaPieces ?? [];
  for (let i = 1; i < pieces.length; i++) record[metaField(i)] = pieces[i] ?? '';
  for (const [name, value] of optional) {
    if (value !== undefined && value !== '') record[name] = value;
  }
  if (args.startTimeoutMs !== undefined) record['sto'] = whole(args.startTimeoutMs);
  return record;
}

function waitForStart(op: Op, args: ScheduleArgs, run: Doc): void {
  enqueueStart(op, args.runId, run, args.notBefore);
  if (args.startTimeoutMs === undefined) return;
  enqueueJob(op, args.runId, run, {
    jobId: startTimeoutJobId(args.runId),
    kind: 'start-timeout',
    target: '',
    attemptsMax: 1,
    at: op.now + args.startTimeoutMs,
    isRace: false,
    pauseId: '',
  });
}

/** The run is under way already, with whoever schedules it: it starts with the lease of its start job. */
function leaseStart(
  op: Op,
  args: ScheduleArgs,
  run: Doc,
  fn: Doc,
  { token, leaseMs }: { token: string; leaseMs: number },
): void {
  const start: NewJob = {
    jobId: startJobId(args.runId),
    kind: 'start',
    target: 'step',
    attemptsMax: args.attemptsMax,
    at: args.notBefore,
    isRace: false,
    pauseId: '',
  };
  const job = newDoc(jobKey(start.jobId), newJobFields(args.runId, run, start));
  registerJob(op, args.runId, run, start);
  grantJob(op, start.jobId, job, args.runId, run, fn, token, leaseMs);
  saveDoc(op.tx, job);
}
