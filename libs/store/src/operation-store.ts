import { assertNever } from '@perdure/domain';
import { checkHash, checkRunId, encodeAnchor, encodeName } from './name-encoding.ts';
import type { BufferArgs } from './operations/buffers.ts';
import { ABORTED } from './operations/defer.ts';
import type { JobView, StateView } from './operations/dispatch.ts';
import type { JobWaitView } from './operations/explain-run.ts';
import { findBrokenInvariants } from './invariants/find-broken-invariants.ts';
import type { OperationArgs, OperationName, OperationResult } from './operations/index.ts';
import type { Anchor, NewPause } from './operations/pauses.ts';
import type { OutboxView } from './operations/read-outbox.ts';
import { META_PIECE_BYTES, metaOf } from './operations/waiting-runs.ts';
import type {
  AdvanceArgs,
  AdvanceResult,
  BufferSpec,
  CheckpointArgs,
  ClaimArgs,
  ClaimedJob,
  ClaimResult,
  ClosedBuffer,
  ConsumeResult,
  DeferArgs,
  DeferResult,
  Duty,
  FinalizeArgs,
  FunctionLimits,
  JobWait,
  ListRunsArgs,
  OutboxEntry,
  PauseSpec,
  QueueDepthsPage,
  ReconcileResult,
  RekeyStore,
  RunJob,
  RunRecord,
  RunsPage,
  RunState,
  ScheduleArgs,
  ScheduleResult,
  SignalStore,
  StepPlan,
  Store,
  StoreCounts,
  WaitingPause,
} from './store.ts';

/** What a driver adds to the operations: running one atomically, on time of the store. */
export interface Driver {
  run<Name extends OperationName>(name: Name, args: OperationArgs<Name>): Promise<OperationResult<Name>>;
  /** Every key without the cell's prefix: objects for hashes, strings, arrays (sets sorted, sorted sets as pairs). */
  dump(): Promise<Record<string, unknown>>;
  durable(): Promise<void>;
  /** See `StoreUpkeep.epoch`. */
  epoch(): Promise<string>;
  close(): Promise<void>;
}

/** A record with more fields is no longer a short one either. */
const META_PIECES_MAX = 16;

/** Leases that one operation of `expireLeases` ends. */
const EXPIRE_BATCH = 500;

/**
 * The port in terms of the operations, the same for all drivers: names become parts of keys, sizes in bytes are
 * counted here (operations may not, see tx.ts), instants are whole and never early, stored records become the port's types.
 */
export class OperationStore implements Store {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  // ---------------------------------------------------------------------------------------------------------- runs

  schedule(args: ScheduleArgs): Promise<ScheduleResult> {
    checkRunId(args.runId);
    const { idempotencyKey, rateLimit, singleton, keys, cancelOn, notBefore, steps, buffer, ...rest } = args;
    return this.#driver.run('schedule', {
      ...rest,
      notBefore: Math.ceil(notBefore),
      eventsBytes: Buffer.byteLength(args.events),
      ...inPieces(args.meta),
      dedupKey: encodeName(args.dedupKey),
      keys: encodeConstraints(keys),
      ...(idempotencyKey !== undefined && { idempotencyKey: encodeName(idempotencyKey) }),
      ...(rateLimit && { rateLimit: { ...rateLimit, bucket: encodeName(rateLimit.bucket) } }),
      ...(singleton && { singleton: { ...singleton, key: encodeName(singleton.key) } }),
      ...(cancelOn && { cancelOn: cancelOn.map(toNewPause) }),
      ...(steps && { steps: steps.map(withBytes) }),
      ...(buffer && { buffer: toBuffer(args, buffer) }),
    });
  }

  finalize(args: FinalizeArgs): Promise<'finalized' | 'gone' | 'stale'> {
    const { output } = args;
    return this.#driver.run('finalize', {
      ...args,
      ...(output !== undefined && { outputBytes: Buffer.byteLength(output) }),
    });
  }

  async findRun(runId: string): Promise<RunRecord | undefined> {
    return (await this.#driver.run('findRun', { runId })) ?? undefined;
  }

  async findRunState(runId: string): Promise<RunState | undefined> {
    const state = await this.#driver.run('findRunState', { runId });
    return state ? toState(state) : undefined;
  }

  // ---------------------------------------------------------------------------------------------------------- jobs

  async claim(args: ClaimArgs): Promise<ClaimResult> {
    const result = await this.#driver.run('claim', args);
    const jobs = asArray(result.jobs).map(toClaimedJob);
    return result.nextWakeAt === undefined ? { jobs } : { jobs, nextWakeAt: result.nextWakeAt };
  }

  extend(lease: { jobId: string; token: string }, leaseMs: number): Promise<'extended' | 'stale' | 'run-gone'> {
    return this.#driver.run('extend', { ...lease, leaseMs });
  }

  async advance(args: AdvanceArgs): Promise<AdvanceResult> {
    const result = await this.#driver.run('advance', {
      ...args,
      saves: args.saves.map(withBytes),
      plans: args.plans.map(toPlan),
    });
    if (result.kind !== 'advanced') return result;
    const { kind, hasReady, next } = result;
    return next === undefined ? { kind, hasReady } : { kind, hasReady, next: toClaimedJob(next) };
  }

  checkpoint(args: CheckpointArgs): Promise<'saved' | 'stale' | 'run-gone' | 'too-many-steps' | 'state-too-large'> {
    return this.#driver.run('checkpoint', { ...args, saves: args.saves.map(withBytes) });
  }

  async defer({ changes, limits, ...rest }: DeferArgs): Promise<DeferResult> {
    const result = await this.#driver.run('defer', {
      ...rest,
      changes: changes.map(({ hash, body = '' }) => {
        checkHash(hash);
        return { hash, body, bodyBytes: Buffer.byteLength(body) };
      }),
      ...limits,
    });
    return result.kind === 'deferred' ? { kind: 'deferred', dropped: asArray(result.dropped) } : result;
  }

  retry(args: {
    lease: { jobId: string; token: string };
    notBefore: number;
    reason: 'failure' | 'infrastructure' | 'drain';
  }): Promise<'retried' | 'stale' | 'run-gone'> {
    return this.#driver.run('retry', { ...args, notBefore: Math.ceil(args.notBefore) });
  }

  async expireLeases(): Promise<number> {
    let expired = 0;
    let last = EXPIRE_BATCH;
    while (last === EXPIRE_BATCH) {
      last = await this.#driver.run('expireLeases', { jobsMax: EXPIRE_BATCH });
      expired += last;
    }
    return expired;
  }

  // -------------------------------------------------------------------------------------------------------- pauses

  async findPausePaths(envId: string, event: string): Promise<{ hasPauses: boolean; paths: string[] }> {
    const found = await this.#driver.run('findPausePaths', { envId, event: encodeName(event) });
    return { hasPauses: found.hasPauses, paths: asArray(found.paths) };
  }

  async findPauses(args: {
    envId: string;
    event: string;
    anchors: { path: string; valueHash: string }[];
    cursor?: string;
    pausesMax: number;
  }): Promise<{ pauses: WaitingPause[]; cursor?: string }> {
    const page = await this.#driver.run('findPauses', {
      ...args,
      event: encodeName(args.event),
      anchors: args.anchors.map((anchor) => ({ path: encodeName(anchor.path), anchor: encodeAnchor(anchor) })),
    });
    const pauses = asArray(page.pauses);
    return page.cursor === undefined ? { pauses } : { pauses, cursor: page.cursor };
  }

  consumePause(args: { pauseId: string; memo?: string; reason?: string }): Promise<ConsumeResult> {
    const { memo } = args;
    return this.#driver.run('consumePause', {
      ...args,
      ...(memo !== undefined && { memoBytes: Buffer.byteLength(memo) }),
    });
  }

  resume(args: {
    envId: string;
    kind: 'invoke' | 'signal';
    correlationId: string;
    memo: string;
  }): Promise<ConsumeResult> {
    return this.#driver.run('resume', {
      ...args,
      correlationId: encodeName(args.correlationId),
      memoBytes: Buffer.byteLength(args.memo),
    });
  }

  // ------------------------------------------------------------------------------------------------------- signals

  reserveSignal(args: Parameters<SignalStore['reserveSignal']>[0]): ReturnType<SignalStore['reserveSignal']> {
    const { signal, expiresAt, instead = '', ...rest } = args;
    const [name, until] = [encodeName(signal), Math.ceil(expiresAt)];
    return this.#driver.run('reserveSignal', { ...rest, signal: name, expiresAt: until, instead });
  }

  async findSignal({ envId, signal }: { envId: string; signal: string }): Promise<string | undefined> {
    return (await this.#driver.run('findSignal', { envId, signal: encodeName(signal) })) ?? undefined;
  }

  async releaseSignal(args: { envId: string; signal: string; pauseId: string }): Promise<void> {
    await this.#driver.run('releaseSignal', { ...args, signal: encodeName(args.signal) });
  }

  findWait(args: { pauseId: string; hash: string }): Promise<'waiting' | 'ended' | 'unknown'> {
    return this.#driver.run('findWait', args);
  }

  // ----------------------------------------------------------------------------------------------------- functions

  async setFunction(limits: FunctionLimits): Promise<void> {
    while (await this.#driver.run('setFunction', limits));
  }

  async setAccountConcurrency(accountId: string, limit: number): Promise<void> {
    await this.#driver.run('setAccountConcurrency', { accountId, limit });
  }

  async setFunctionState(functionId: string, state: 'active' | 'paused' | 'drained'): Promise<void> {
    await this.#driver.run('setFunctionState', { functionId, state });
  }

  async findRekeys(): ReturnType<RekeyStore['findRekeys']> {
    return asArray(await this.#driver.run('findRekeys', undefined));
  }

  async rekey({ runs, ...page }: Parameters<RekeyStore['rekey']>[0]): ReturnType<RekeyStore['rekey']> {
    const keyed = runs.map(({ runId, keys }) => ({ runId, keys: encodeConstraints(keys) }));
    let isDone = false;
    while (!isDone) {
      const result = await this.#driver.run('rekey', { ...page, runs: keyed });
      if (result.kind === 'outdated') return 'outdated';
      isDone = result.runs === keyed.length;
      keyed.splice(0, result.runs);
    }
    return 'moved';
  }

  // -------------------------------------------------------------------------------------------------------- outbox

  async readOutbox(entriesMax: number): Promise<OutboxEntry[]> {
    return asArray(await this.#driver.run('readOutbox', { entriesMax })).map(toOutboxEntry);
  }

  async ackOutbox({ seq, at }: Pick<OutboxEntry, 'seq' | 'at'>): Promise<void> {
    while (await this.#driver.run('ackOutbox', { seq, at }));
  }

  // -------------------------------------------------------------------------------------------------------- upkeep

  takeDuty(args: { duty: Duty; holder: string; leaseMs: number }): Promise<boolean> {
    return this.#driver.run('takeDuty', args);
  }

  moveCronCursor({ name, from, to }: { name: string; from: number; to?: number }): Promise<number> {
    return this.#driver.run('moveCronCursor', { name: encodeName(name), from, ...(to !== undefined && { to }) });
  }

  async dropDuty(args: { duty: Duty; holder: string }): Promise<void> {
    await this.#driver.run('dropDuty', args);
  }

  collectGarbage(keysMax: number): Promise<number> {
    return this.#driver.run('collectGarbage', { keysMax });
  }

  async reconcile(args: { cursor?: string; runsMax: number }): Promise<ReconcileResult> {
    const result = await this.#driver.run('reconcile', args);
    return { ...result, redriven: asArray(result.redriven) };
  }

  epoch(): Promise<string> {
    return this.#driver.epoch();
  }

  // ---------------------------------------------------------------------------------------------------- inspection

  async findRunJobs(runId: string): Promise<RunJob[]> {
    const jobs = asArray(await this.#driver.run('findRunJobs', { runId }));
    return jobs.map(({ jobId, fields }) => toRunJob(jobId, fields)).toSorted((a, b) => (a.jobId < b.jobId ? -1 : 1));
  }

  async findJob(jobId: string): Promise<RunJob | undefined> {
    const job = await this.#driver.run('findJob', { jobId });
    return job ? toRunJob(jobId, job.fields) : undefined;
  }

  async explainRun(runId: string): Promise<JobWait[] | undefined> {
    const waits = await this.#driver.run('explainRun', { runId });
    return waits
      ? asArray(waits)
          .map(toJobWait)
          .toSorted((a, b) => (a.jobId < b.jobId ? -1 : 1))
      : undefined;
  }

  async audit(args: { cursor?: string; entriesMax: number }): Promise<{ problems: string[]; cursor?: string }> {
    const page = await this.#driver.run('audit', args);
    return { ...page, problems: asArray(page.problems) };
  }

  async listRuns(args: ListRunsArgs): Promise<RunsPage> {
    const { after, isLast, runs } = await this.#driver.run('listRuns', {
      functionId: args.functionId,
      after: args.after,
      looksMax: args.runsMax,
      withEvents: args.withEvents,
    });
    return { runs: asArray(runs), after, isLast };
  }

  async queueDepths(args: { after: number; lanesMax: number }): Promise<QueueDepthsPage> {
    const page = await this.#driver.run('queueDepths', args);
    return { ...page, functions: asArray(page.functions) };
  }

  counts(): Promise<StoreCounts> {
    return this.#driver.run('counts', undefined);
  }

  async checkInvariants(): Promise<string[]> {
    return findBrokenInvariants(await this.#driver.dump());
  }

  dump(): Promise<Record<string, unknown>> {
    return this.#driver.dump();
  }

  durable(): Promise<void> {
    return this.#driver.durable();
  }

  close(): Promise<void> {
    return this.#driver.close();
  }
}

// ------------------------------------------------------------------------------------------------ into operations

function encodeConstraints(keys: ScheduleArgs['keys']): { throttle?: string; keyed?: string[]; run?: string } {
  return {
    ...(keys.throttle !== undefined && { throttle: encodeName(keys.throttle) }),
    ...(keys.keyed && { keyed: keys.keyed.map((key) => (key === '' ? '' : encodeName(key))) }),
    ...(keys.run !== undefined && { run: encodeName(keys.run) }),
  };
}

function toBuffer({ meta, correlationId = '' }: ScheduleArgs, buffer: BufferSpec): BufferArgs {
  const sizes = { metaBytes: Buffer.byteLength(meta), callerBytes: Buffer.byteLength(correlationId) };
  const key = encodeName(buffer.key);
  if (buffer.kind === 'batch') return { ...buffer, ...sizes, key, timeoutMs: Math.ceil(buffer.timeoutMs) };
  const { timeoutMs, ...debounce } = buffer;
  return {
    ...debounce,
    ...sizes,
    key,
    periodMs: Math.ceil(buffer.periodMs),
    eventAt: Math.floor(buffer.eventAt),
    ...(timeoutMs !== undefined && { timeoutMs: Math.ceil(timeoutMs) }),
  };
}

function toNewPause(pause: PauseSpec): NewPause {
  const { event, anchors, correlationId, timeoutMemo, expiresAt, ...rest } = pause;
  return {
    ...rest,
    expiresAt: Math.ceil(expiresAt),
    ...(event !== undefined && { event: encodeName(event) }),
    ...(anchors && { anchors: anchors.map(toNewAnchor) }),
    ...(correlationId !== undefined && { correlationId: encodeName(correlationId) }),
    ...(timeoutMemo !== undefined && { timeoutMemo, timeoutMemoBytes: Buffer.byteLength(timeoutMemo) }),
  };
}

function toNewAnchor(anchor: { path: string; valueHash: string }): Anchor {
  return { path: encodeName(anchor.path), rawPath: anchor.path, anchor: encodeAnchor(anchor) };
}

function withBytes<Save extends { hash: string; memo: string }>(save: Save): Save & { memoBytes: number } {
  checkHash(save.hash);
  return { ...save, memoBytes: Buffer.byteLength(save.memo) };
}

function toPlan(plan: StepPlan): OperationArgs<'advance'>['plans'][number] {
  checkHash(plan.hash);
  switch (plan.kind) {
    case 'run':
      return plan;
    case 'sleep':
      return { ...plan, wakeAt: Math.ceil(plan.wakeAt) };
    case 'wait':
    case 'signal':
      return { ...plan, pause: toNewPause(plan.pause) };
    case 'invoke': {
      const invokeEvent = { ...plan.invokeEvent, bodyBytes: Buffer.byteLength(plan.invokeEvent.body) };
      return { ...plan, pause: toNewPause(plan.pause), invokeEvent };
    }
    default:
      return assertNever(plan);
  }
}

// ------------------------------------------------------------------------------------------------ out of operations

/** An empty array comes out of Lua as an empty object. */
function asArray<Item>(items: Item[]): Item[] {
  return Array.isArray(items) ? items : [];
}

function toState(state: StateView): RunState {
  return {
    events: state.events,
    steps: Object.fromEntries(asArray(state.steps)),
    stack: asArray(state.stack),
    ...(state.defers && {
      defers: Object.fromEntries(
        asArray(state.defers).map(([hash, stored]) => [hash, { abortable: stored !== ABORTED }]),
      ),
    }),
  };
}

/** In the order in which they came. */
function memosOf(steps: [string, string][], stack: string[]): { hash: string; memo: string }[] {
  const memos = new Map(asArray(steps));
  return asArray(stack).flatMap((hash) => {
    const memo = memos.get(hash);
    return memo === undefined ? [] : [{ hash, memo }];
  });
}

function defersOf(bodies: [string, string][]): { hash: string; body: string }[] {
  return asArray(bodies)
    .map(([hash, body]) => ({ hash, body }))
    .toSorted((a, b) => (a.hash < b.hash ? -1 : 1));
}

function toClaimedJob(job: JobView): ClaimedJob {
  const { state, ...rest } = job;
  return state === undefined ? rest : { ...rest, state: toState(state) };
}

function toRunJob(jobId: string, fields: Readonly<Record<string, string>>): RunJob {
  const kind = fields['kind'] ?? '';
  const state = fields['st'];
  return {
    jobId,
    kind: kind === 'start' || kind === 'edge' || kind === 'sleep' ? kind : 'timeout',
    state: state === 'D' ? 'delayed' : state === 'R' ? 'ready' : 'leased',
    at: Number(fields['at'] ?? fields['exp'] ?? 0),
    attempt: Number(fields['att'] || 0),
    target: fields['target'] ?? '',
  };
}

function toJobWait({ jobId, fields, waitsFor, ahead }: JobWaitView): JobWait {
  const job = toRunJob(jobId, fields);
  if (waitsFor.kind !== 'capacity') return { ...job, waitsFor, ahead };
  return { ...job, waitsFor: { ...waitsFor, holders: asArray(waitsFor.holders) }, ahead };
}

/** Very long meta, and what is not ASCII, stays in one piece. */
function inPieces(meta: string): { metaPieces?: string[] } {
  const isShort = meta.length <= META_PIECE_BYTES;
  if (isShort || meta.length > META_PIECES_MAX * META_PIECE_BYTES || Buffer.byteLength(meta) !== meta.length) return {};
  const count = Math.ceil(meta.length / META_PIECE_BYTES);
  const pieces = Array.from({ length: count }, (_, i) => meta.slice(i * META_PIECE_BYTES, (i + 1) * META_PIECE_BYTES));
  return { metaPieces: pieces };
}

function toRun(runId: string, record: Readonly<Record<string, string>>): RunRecord {
  const int = (name: string): number => Number(record[name] || 0);
  return {
    runId,
    functionId: record['fn'] ?? '',
    accountId: record['acct'] ?? '',
    envId: record['env'] ?? '',
    appId: record['app'] ?? '',
    functionVersion: int('ver'),
    status: record['st'] === 'Scheduled' ? 'Scheduled' : 'Running',
    scheduledAt: int('sched'),
    ...(record['start'] && { startedAt: int('start') }),
    requestVersion: int('rv'),
    forcePlan: Boolean(record['fp']),
    stepCount: int('steps'),
    stateBytes: int('bytes'),
    ...(record['corr'] && { correlationId: record['corr'] }),
    meta: metaOf({ key: '', stored: record, changes: {}, isChanged: false }),
  };
}

/** The run as it was when it was scheduled or skipped, whatever has become of it since. */
function toScheduledRun(runId: string, record: Readonly<Record<string, string>>): RunRecord {
  const { startedAt: _, ...run } = toRun(runId, record);
  return { ...run, status: 'Scheduled', requestVersion: -1, forcePlan: false, stepCount: 0, stateBytes: 0 };
}

function toClosedBuffer(entry: Readonly<Record<string, string>>, stored: [string, string][]): ClosedBuffer {
  const fields = new Map(stored);
  return {
    bufferId: entry['buf'] ?? '',
    functionId: entry['fn'] ?? '',
    kind: entry['bk'] === 'batch' ? 'batch' : 'debounce',
    items: Array.from({ length: Number(entry['n'] || 0) }, (_, index) => ({
      events: fields.get(`e${index}`) ?? '',
      meta: fields.get(`m${index}`) ?? '',
    })),
    callers: Array.from({ length: Number(entry['nc'] || 0) }, (_, index) => fields.get(`c${index}`) ?? ''),
  };
}

function toOutboxEntry({ seq, entry, run, events, steps, stack, defers, items }: OutboxView): OutboxEntry {
  const at = Number(entry['at']);
  const runId = entry['run'] ?? '';
  switch (entry['kind']) {
    case 'run-scheduled':
      return { seq, at, kind: 'run-scheduled', run: toScheduledRun(runId, run), events };
    case 'run-skipped':
      return {
        seq,
        at,
        kind: 'run-skipped',
        run: toScheduledRun(runId, run),
        events,
        reason: entry['reason'] as Extract<OutboxEntry, { kind: 'run-skipped' }>['reason'],
        ...(entry['holder'] && { holder: entry['holder'] }),
      };
    case 'run-started':
      return { seq, at, kind: 'run-started', runId, functionId: entry['fn'] ?? '' };
    case 'run-ended':
      return {
        seq,
        at,
        kind: 'run-ended',
        run: toRun(runId, run),
        status: run['end'] as Extract<OutboxEntry, { kind: 'run-ended' }>['status'],
        ...(run['output'] !== undefined && { output: run['output'] }),
        ...(run['reason'] !== undefined && { reason: run['reason'] }),
        events,
        ...(steps && stack && { memos: memosOf(steps, stack) }),
        ...(defers && { defers: defersOf(defers) }),
        publishesEnd: run['pub'] === '1',
      };
    case 'buffer-closed':
      return { seq, at, kind: 'buffer-closed', buffer: toClosedBuffer(entry, items ?? []) };
    default:
      return { seq, at, kind: 'event', event: { eventId: entry['id'] ?? '', body: entry['body'] ?? '' } };
  }
}
