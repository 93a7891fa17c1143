import type {
  AccountId,
  AppId,
  EndStatus,
  EnvId,
  EpochMs,
  EventId,
  FunctionId,
  JobId,
  LeaseToken,
  PauseId,
  RunId,
  SkipReason,
  StepHash,
} from '@perdure/domain';

/**
 * Atomic operations on the queue, run state, pauses and counters of one cell (architecture.md 4, execution.md 3.4).
 *
 * Every method is one atomic operation. Calling it again with the same arguments after a lost reply is safe: it changes
 * nothing more and answers as the first call did (exceptions: `finalize` and pauses answer 'gone', a rate-limited
 * `schedule` may be admitted). All bodies (`events`, memos, outputs,
 * `meta`) are opaque strings of JSON that the store never reads. Instants are the store's time.
 */
export interface Store
  extends
    RunStore,
    ClaimQueue,
    LeaseStore,
    PauseStore,
    SignalStore,
    FunctionControl,
    RekeyStore,
    Outbox,
    DutyStore,
    StoreUpkeep,
    StoreInspection {
  /** Resolves when everything answered so far survives the loss of power of this machine (docs: durability classes). */
  durable(): Promise<void>;
  close(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------------- runs

/**
 * Where an event waits with others before there is a run (execution.md 4.5, 4.6). Events of one function with the same `key`
 * share an open buffer. `kind` debounce: the latest event (by its own time `eventAt`; of equals the later arrival) is kept, the
 * buffer closes when none came for `periodMs`, at most `timeoutMs` after the first. batch: all are kept in order of
 * arrival; the buffer closes with `eventsMax` of them, with `bytesMax` of events, or `timeoutMs` after the first. An event that comes
 * when the time of the buffer is up opens another one, whether or not the timer has fired.
 */
export type BufferSpec =
  | { kind: 'debounce'; key: string; periodMs: number; timeoutMs?: number; eventAt: EpochMs }
  | { kind: 'batch'; key: string; eventsMax: number; bytesMax: number; timeoutMs: number };

/** What a run is to be started for, by whoever reads it from the outbox. */
export interface ClosedBuffer {
  /** The `runId` that the event came with that opened it. No run has it. */
  bufferId: RunId;
  functionId: FunctionId;
  kind: BufferSpec['kind'];
  /** `events` and `meta` of each `schedule` whose event was kept, in order. */
  items: { events: string; meta: string }[];
  /** Correlation IDs of all that invoked the function by it, also of those whose event was not kept. */
  callers: string[];
}

/**
 * What a run is held back by, evaluated once when it is scheduled; the numbers are the function's current ones at the
 * time of the claim (`FunctionLimits`). Names are opaque; equal names share one bucket or counter. Absent: not limited.
 */
export interface ConstraintKeys {
  /** Throttle bucket; applies to the start of the run only. */
  throttle?: string;
  /** Counters of up to two keyed step-level limits, in the order of `FunctionLimits.keyed`. */
  keyed?: string[];
  /** Counter of the run-level limit: held from the first start until the run ends. */
  run?: string;
}

export interface ScheduleArgs {
  runId: RunId;
  functionId: FunctionId;
  accountId: AccountId;
  envId: EnvId;
  appId: AppId;
  functionVersion: number;
  /** The trigger's identity (event ID, batch, cron instant): one run a function within `IDEMPOTENCY_MS`. */
  dedupKey: string;
  /** Value of the function's idempotency expression. */
  idempotencyKey?: string;
  rateLimit?: { bucket: string; limit: number; periodMs: number };
  /** `cancel` ends the run that holds the key, unless that run's ID is the higher one: it is of a newer event, and this run is skipped. */
  singleton?: { key: string; mode: 'skip' | 'cancel' };
  /** The start job is claimed no earlier. */
  notBefore: EpochMs;
  /**
   * The event is buffered: there is no run yet. State of the function, duplicates, idempotency and rate limit are decided now
   * and the answer is 'buffered'; `keys`, `singleton`, `cancelOn` and the like are of no use. When the buffer closes, the outbox
   * has `buffer-closed`.
   */
  buffer?: BufferSpec;
  /** Seconds; orders the run before (positive) or behind others of its function. */
  priority: number;
  keys: ConstraintKeys;
  /** The key expressions that `keys` were evaluated with (`FunctionLimits.keysId`); another than the stored one has the run keyed anew. */
  keysId?: string;
  attemptsMax: number;
  /** Canonical JSON array of the triggering events. */
  events: string;
  /** Opaque; given back by `claim`, `findRun` and in outbox entries. */
  meta: string;
  /** Invoke correlation (`<runId>.<stepHash>` of the caller), when the run was invoked by a step. */
  correlationId?: string;
  /** False for runs triggered by finished or failed events: they publish none of their own (execution.md 1.9). */
  publishesEnd: boolean;
  cancelOn?: PauseSpec[];
  startTimeoutMs?: number;
  /** Steps that are done from the start, in order: those of the run that is run again. */
  steps?: { hash: StepHash; memo: string }[];
  /**
   * The run is under way with the caller, who holds its start job under this token: a run that an SDK started by itself. When
   * the lease ends, the platform calls the application.
   */
  lease?: { token: LeaseToken; leaseMs: number };
}

export type ScheduleResult =
  /** Also the answer to a repeat with the same `runId`. */
  | { kind: 'created'; runId: RunId; cancelled?: RunId }
  /** Another live run holds the dedup key, or a live run of another event has the ID. */
  | { kind: 'exists'; runId: RunId }
  /** A run that has ended held the dedup or idempotency key less than 24 h ago, or one holds the idempotency key. */
  | { kind: 'duplicate'; runId: RunId; by: 'event' | 'idempotency' }
  | { kind: 'rate-limited'; retryAt: EpochMs }
  | { kind: 'skipped'; reason: SkipReason; holder?: RunId }
  /**
   * `opened`: it is the first in its buffer: its end is a new instant to wake at. `closed`: it filled it. A repeat with the same `runId`
   * is answered as the first call was.
   */
  | { kind: 'buffered'; bufferId: RunId; opened: boolean; closed: boolean };

/** A live run, as stored. Ended runs are not in the store. */
export interface RunRecord {
  runId: RunId;
  functionId: FunctionId;
  accountId: AccountId;
  envId: EnvId;
  appId: AppId;
  functionVersion: number;
  status: 'Scheduled' | 'Running';
  scheduledAt: EpochMs;
  startedAt?: EpochMs;
  /** -1 until the SDK's first 206 gives one (sdk-protocol.md 6.5). */
  requestVersion: number;
  /** The SDK must plan new steps instead of executing them. */
  forcePlan: boolean;
  stepCount: number;
  stateBytes: number;
  correlationId?: string;
  meta: string;
}

/** Memoised state to be sent to the SDK. */
export interface RunState {
  /** Canonical JSON array. */
  events: string;
  /** Step hash to memo (canonical JSON), only of steps on the stack. */
  steps: Record<StepHash, string>;
  /** Hashes in order of completion. */
  stack: StepHash[];
  /** Deferred runs by hash; one that was called off is not abortable. Absent when there never were any. */
  defers?: Record<StepHash, { abortable: boolean }>;
}

export interface FinalizeArgs {
  runId: RunId;
  /** The job whose answer ends the run; absent when the platform ends it (cancel, timeout). */
  lease?: { jobId: JobId; token: LeaseToken };
  status: EndStatus;
  /** JSON: the output of a completed run, the error of a failed one; absent for a cancelled one. */
  output?: string;
  /** Why the platform ended it: `api`, `event:<id>`, `start-timeout` ... */
  reason?: string;
}

export interface RunStore {
  schedule(args: ScheduleArgs): Promise<ScheduleResult>;
  /**
   * Makes the run terminal: state, jobs, pauses, counters, singleton released; dedup key kept as a tombstone; outbox
   * entries `run-ended` written. 'finalized' exactly once; afterwards, and for unknown runs, 'gone'.
   */
  finalize(args: FinalizeArgs): Promise<'finalized' | 'gone' | 'stale'>;
  findRun(runId: RunId): Promise<RunRecord | undefined>;
  findRunState(runId: RunId): Promise<RunState | undefined>;
}

// ---------------------------------------------------------------------------------------------------------- jobs

export interface ClaimArgs {
  /** The process that claims. */
  workerId: string;
  /** Fresh for each claim: a repeat with the same ID answers the same jobs. Tokens are derived from it. */
  claimId: string;
  /** Jobs at most. */
  jobsMax: number;
  leaseMs: number;
}

/** A job leased to the caller, with everything that is needed to call the application. */
export interface ClaimedJob {
  jobId: JobId;
  token: LeaseToken;
  /** When the lease ends unless it is extended. */
  leaseUntil: EpochMs;
  /** `step` for a discovery call, else the hash of the planned step. */
  target: 'step' | StepHash;
  attempt: number;
  attemptsMax: number;
  /** 1 at the first dispatch, +1 a redelivery or retry. */
  generation: number;
  /** How often the platform, not the application, failed this job. */
  infraAttempts: number;
  /** Index of the step that led to this call + 1; 0 at the start. */
  stackPosition: number;
  run: RunRecord;
  /** Absent when `AdvanceArgs.chain.knownStack` told that the caller has it. */
  state?: RunState;
}

export interface ClaimResult {
  jobs: ClaimedJob[];
  /** When to look again if no hint comes: earliest delayed job, parked lane or lease end. Absent: nothing is waiting. */
  nextWakeAt?: EpochMs;
}

/** A step's memo to be saved, first writer wins. */
export interface StepSave {
  hash: StepHash;
  /** Canonical JSON as sdk-protocol.md 6.4 has it. */
  memo: string;
  /** The op was marked `parallelMode: "race"`: discover after it whatever else is pending. */
  isRace: boolean;
}

/** A new thing that the run waits for. Planning a hash that is saved, queued or waiting already changes nothing. */
export type StepPlan =
  | { kind: 'run'; hash: StepHash; isRace: boolean; attemptsMax: number }
  | { kind: 'sleep'; hash: StepHash; isRace: boolean; wakeAt: EpochMs }
  | { kind: 'wait'; hash: StepHash; isRace: boolean; pause: PauseSpec }
  | { kind: 'invoke'; hash: StepHash; isRace: boolean; pause: PauseSpec; invokeEvent: OutboxEvent }
  /** 'taken': a run of another cell has the signal, fail (`routeCells` says so). */
  | { kind: 'signal'; hash: StepHash; isRace: boolean; pause: PauseSpec; conflict: 'fail' | 'replace' | 'taken' };

export interface AdvanceArgs {
  runId: RunId;
  lease: { jobId: JobId; token: LeaseToken };
  /** Steps that ended with this answer, in order. At most 1000 saves and plans together. */
  saves: StepSave[];
  plans: StepPlan[];
  /** Pins the run's request version if none is pinned. */
  requestVersion?: number;
  /** The answer held more than one op: set `forcePlan`, and (version >= 2, with planned steps) open a pending group. */
  isParallel: boolean;
  /** True: discover even when nothing was saved or planned (DiscoveryRequest, or an empty 206). */
  discover: boolean;
  /**
   * Steps of this answer that the caller is busy with itself: it keeps the job and its lease, and commits the whole answer
   * again when they have ended. Absent: the job ends.
   */
  underway?: StepHash[];
  attemptsMax: number;
  limits: { stepsMax: number; stateBytesMax: number };
  /**
   * Take the next job of this run at once, where constraints admit it. `knownStack`: length of the stack that the caller
   * has with the saves of this answer appended; when it is the run's, the next job comes without state.
   */
  chain?: { token: LeaseToken; leaseMs: number; knownStack: number };
}

export type AdvanceResult =
  /** `next` is leased to the caller under `chain.token`. `hasReady`: other jobs became ready: wake an executor. */
  | { kind: 'advanced'; next?: ClaimedJob; hasReady: boolean }
  | { kind: 'stale' }
  | { kind: 'run-gone' }
  /** Nothing was changed; the caller fails the run. */
  | { kind: 'too-many-steps' }
  | { kind: 'state-too-large' }
  | { kind: 'signal-conflict'; hash: StepHash };

export interface CheckpointArgs {
  runId: RunId;
  lease: { jobId: JobId; token: LeaseToken };
  /** Echo of what the call carried; an older one than the job's is stale. */
  generation?: number;
  saves: StepSave[];
  leaseMs: number;
  limits: { stepsMax: number; stateBytesMax: number };
}

export interface DeferArgs {
  runId: RunId;
  lease: { jobId: JobId; token: LeaseToken };
  /** In order. Without a `body` the deferred run is called off. */
  changes: { hash: StepHash; body?: string }[];
  /** Deferred runs of one run, those called off included, and bytes of all that are to come. */
  limits: { runsMax: number; bytesMax: number };
}

export type DeferResult =
  /** `dropped`: hashes of those that would go beyond a limit. */
  { kind: 'deferred'; dropped: StepHash[] } | { kind: 'stale' } | { kind: 'run-gone' };

export interface ClaimQueue {
  /**
   * First fires what is due (delayed jobs, sleeps, timeouts), reaps lost leases, unparks lanes; then leases up to
   * `jobsMax` jobs (fewer when their states are large) fairly within all constraints (execution.md 3.4.7). The first claim of a run's start makes it Running.
   */
  claim(args: ClaimArgs): Promise<ClaimResult>;
  /** Ends all leases of processes that are known to be gone: for a store that only one process can open. */
  expireLeases(): Promise<number>;
}

/** What the holder of a lease may do; its token fences each of them. */
export interface LeaseStore {
  /** Moves the end of the lease to `leaseMs` from now. A lost lease is a value, not an error. */
  extend(lease: { jobId: JobId; token: LeaseToken }, leaseMs: number): Promise<'extended' | 'stale' | 'run-gone'>;
  /**
   * Commits an answer that does not end the run: saves steps, plans others, releases the job and its capacity, and
   * enqueues what is next by the rules of sdk-protocol.md 7.6. All or nothing.
   */
  advance(args: AdvanceArgs): Promise<AdvanceResult>;
  /** Saves steps while the call goes on (sdk-protocol.md 9.1.1): extends the lease, resets the attempt to 0. */
  checkpoint(args: CheckpointArgs): Promise<'saved' | 'stale' | 'run-gone' | 'too-many-steps' | 'state-too-large'>;
  /** Notes runs to be scheduled when this one ends, in whatever way: `run-ended` tells them. The first of a hash wins. */
  defer(args: DeferArgs): Promise<DeferResult>;
  /**
   * Gives the job back for later. `reason` 'failure' spends an attempt; 'infrastructure' counts separately; 'drain'
   * counts nothing. Generation + 1 in each case.
   */
  retry(args: {
    lease: { jobId: JobId; token: LeaseToken };
    notBefore: EpochMs;
    reason: 'failure' | 'infrastructure' | 'drain';
  }): Promise<'retried' | 'stale' | 'run-gone'>;
}

// -------------------------------------------------------------------------------------------------------- pauses

/** A stored continuation: what the run waits for, and until when. */
export interface PauseSpec {
  /** `<run ID>.<anything>`: tells the cell. */
  pauseId: PauseId;
  kind: 'wait' | 'invoke' | 'signal' | 'cancel';
  expiresAt: EpochMs;
  /** Exact event name (wait, cancel). */
  event?: string;
  /** Residual expression; absent: any event of that name. */
  expression?: string;
  /** One anchor a disjunct: an event can only match if one of them holds. Absent: always to be evaluated. */
  anchors?: { path: string; valueHash: string }[];
  /** invoke: `<runId>.<stepHash>`; signal: the signal's name. */
  correlationId?: string;
  /** Saved when the pause times out: `null`, or the error memo of an invoke. Absent for cancel. */
  timeoutMemo?: string;
}

export interface WaitingPause {
  pauseId: PauseId;
  runId: RunId;
  functionId: FunctionId;
  kind: 'wait' | 'cancel';
  hash?: StepHash;
  expression?: string;
  createdAt: EpochMs;
  expiresAt: EpochMs;
}

export type ConsumeResult = { kind: 'resumed'; runId: RunId } | { kind: 'gone' };

export interface PauseStore {
  /** The JSON paths that waits for this event name are indexed by; empty with `hasPauses` false when there are none. */
  findPausePaths(envId: EnvId, event: string): Promise<{ hasPauses: boolean; paths: string[] }>;
  /** Pauses that may match, by anchors and those without; a page at a time (`cursor` of the answer before). */
  findPauses(args: {
    envId: EnvId;
    event: string;
    anchors: { path: string; valueHash: string }[];
    cursor?: string;
    pausesMax: number;
  }): Promise<{ pauses: WaitingPause[]; cursor?: string }>;
  /**
   * Consumes the pause and continues its run (wait, invoke, signal: saves `memo`; cancel: ends the run). 'gone' when it
   * was consumed, timed out or its run ended before: then nothing changes.
   */
  consumePause(args: { pauseId: PauseId; memo?: string; reason?: string }): Promise<ConsumeResult>;
  /** The same for the pause registered under an invoke correlation or a signal name. */
  resume(args: {
    envId: EnvId;
    kind: 'invoke' | 'signal';
    correlationId: string;
    memo: string;
  }): Promise<ConsumeResult>;
}

// ------------------------------------------------------------------------------------------------------- signals

/**
 * A signal has one waiter in all cells. Where there are several, its home cell keeps a reservation that names the waiting
 * pause, which lives in the cell of its run; who sends a signal asks at home where it is. With one cell none of this is
 * needed: the pause is entered under the signal as it is. Called by `routeCells` only.
 */
export interface SignalStore {
  /**
   * In the home cell: reserves the signal for a pause that is about to be created, until `expiresAt`. `instead`: takes it
   * from the pause that had it so far. A repeat answers 'reserved' and changes nothing.
   */
  reserveSignal(args: {
    envId: EnvId;
    signal: string;
    pauseId: PauseId;
    hash: StepHash;
    expiresAt: EpochMs;
    instead?: PauseId;
  }): Promise<
    | { kind: 'reserved' }
    /** `isFresh`: reserved so lately that its pause may not be there yet. */
    | { kind: 'taken'; pauseId: PauseId; hash: StepHash; isFresh: boolean }
  >;
  /** In the home cell: the pause that has the signal. */
  findSignal(args: { envId: EnvId; signal: string }): Promise<PauseId | undefined>;
  /** In the home cell and in that of the pause: it has the signal no more. A repeat changes nothing. */
  releaseSignal(args: { envId: EnvId; signal: string; pauseId: PauseId }): Promise<void>;
  /** In the cell of the pause: whether its step still waits. 'unknown': it does not wait yet, or never will. */
  findWait(args: { pauseId: PauseId; hash: StepHash }): Promise<'waiting' | 'ended' | 'unknown'>;
}

// ----------------------------------------------------------------------------------------------------- functions

/** The numbers of a function that the store enforces; read at each claim, so a change holds for the backlog. */
export interface FunctionLimits {
  functionId: FunctionId;
  accountId: AccountId;
  version: number;
  /** Counts changes that an operator makes to the numbers of one version; 0 when absent. */
  revision?: number;
  /** Stands for the key expressions that runs are keyed by. Another one than the stored has the function's runs keyed anew (`RekeyStore`). */
  keysId?: string;
  /** Share of capacity relative to other functions; 1 by default. */
  weight: number;
  /** Requests in progress of the whole function. */
  concurrency: number;
  /** Limits of `ConstraintKeys.keyed`, in the same order. */
  keyed: number[];
  /** Runs in progress, a counter of `ConstraintKeys.run`. */
  run?: number;
  throttle?: { limit: number; burst: number; periodMs: number };
  backlogMax?: number;
  startTimeoutMs?: number;
  finishTimeoutMs?: number;
}

export interface FunctionControl {
  /** Stores limits; an older version (or the same with an older revision) than the stored one changes nothing. All lanes waiting for a counter are woken. */
  setFunction(limits: FunctionLimits): Promise<void>;
  /** Requests in progress of one account. */
  setAccountConcurrency(accountId: AccountId, limit: number): Promise<void>;
  /** paused: jobs are kept, none is claimed, new runs are skipped. drained: new runs are skipped. active: neither. */
  setFunctionState(functionId: FunctionId, state: 'active' | 'paused' | 'drained'): Promise<void>;
}

/**
 * Runs keep the keys they were scheduled with, until their function is given other key expressions: then those that live are
 * keyed anew, a page at a time, by whoever can evaluate expressions (execution.md 3.4.5, O21).
 */
export interface RekeyStore {
  /** Functions of this cell of which runs may stand under keys of other expressions, and how far they have been gone through. */
  findRekeys(): Promise<{ functionId: FunctionId; keysId: string; after: number }[]>;
  /**
   * Moves runs under their new keys: ready jobs go to their new lanes, what is in progress holds the new counters (which may
   * exceed their limits by that until it ends). `from`: `after` as `findRekeys` told it, where the page begins; `after`: the place of the last run that was looked at (`ListRunsArgs.after`); with
   * `isLast` the function is done, unless runs under old keys were scheduled meanwhile. 'outdated': the function has other
   * expressions by now, nothing was changed. Runs that are gone are passed over; a repeat changes nothing.
   */
  rekey(args: {
    functionId: FunctionId;
    keysId: string;
    from: number;
    after: number;
    isLast: boolean;
    runs: { runId: RunId; keys: ConstraintKeys }[];
  }): Promise<'moved' | 'outdated'>;
}

export const FUNCTION_CONCURRENCY_DEFAULT = 1000;
export const ACCOUNT_CONCURRENCY_DEFAULT = 1000;

// -------------------------------------------------------------------------------------------------------- outbox

export interface OutboxEvent {
  /** Internal event ID (ULID), derived from what caused it: a repeat has the same. */
  eventId: EventId;
  /** JSON of the event. */
  body: string;
}

/** What the outside must learn, written by the operation that caused it. `seq` grows; gaps are possible. */
export type OutboxEntry = { seq: number; at: EpochMs } & (
  | { kind: 'run-scheduled'; run: RunRecord; events: string }
  | { kind: 'run-skipped'; run: RunRecord; events: string; reason: SkipReason; holder?: RunId }
  | { kind: 'run-started'; runId: RunId; functionId: FunctionId }
  | {
      kind: 'run-ended';
      run: RunRecord;
      status: EndStatus;
      output?: string;
      reason?: string;
      events: string;
      /** Its steps in the order in which they were done; absent when there are none. */
      memos?: { hash: StepHash; memo: string }[];
      /** Runs that it deferred; absent when there are none. */
      defers?: { hash: StepHash; body: string }[];
      publishesEnd: boolean;
    }
  | { kind: 'event'; event: OutboxEvent }
  | { kind: 'buffer-closed'; buffer: ClosedBuffer }
);

export interface Outbox {
  /** The oldest entries, in order, none when there are none: large ones may be fewer. Reading twice gives the same. */
  readOutbox(entriesMax: number): Promise<OutboxEntry[]>;
  /**
   * Drops the entries up to and with `last`, as it was read; they must be durable elsewhere. Nothing is dropped when that
   * entry is not there (any more).
   */
  ackOutbox(last: Pick<OutboxEntry, 'seq' | 'at'>): Promise<void>;
}

// -------------------------------------------------------------------------------------------------------- upkeep

/** Something that one process at a time does for the cell. */
export type Duty = 'upkeep' | 'cron';

/**
 * Who does what for the cell. A duty saves work and is no lock: its holder may have lost it without knowing yet, so
 * whatever is done in its name must stand being done twice.
 */
export interface DutyStore {
  /** Takes the duty, or keeps it, for `leaseMs` from now. False: another holder has it. */
  takeDuty(args: { duty: Duty; holder: string; leaseMs: number }): Promise<boolean>;
  /** Leaves it to the next that asks. Changes nothing when another holder has it. */
  dropDuty(args: { duty: Duty; holder: string }): Promise<void>;
  /**
   * How far a cron trigger was fired. A trigger that is new starts at `from`; `to` moves it on, never back. Kept for as long
   * as the store is.
   */
  moveCronCursor(args: { name: string; from: EpochMs; to?: EpochMs }): Promise<EpochMs>;
}

/** What one page of a reconciliation found and put right (execution.md 7.2). */
export interface ReconcileResult {
  /** Where the next page goes on; absent after the last. */
  cursor?: string;
  /** Live runs looked at. */
  runs: number;
  /** Runs that had nothing left that would continue them: they are asked again. */
  redriven: RunId[];
  /** Holders of counters without a live job or run: released. */
  holders: number;
  /** Jobs, lanes, functions and accounts that the queue had lost or kept wrongly: put back where they belong. */
  lanes: number;
}

export interface StoreUpkeep {
  /** Drops expired keys (tombstones, buckets) and leftovers of ended runs, a bounded number a call. Answers how many. */
  collectGarbage(keysMax: number): Promise<number>;
  /**
   * Restores the invariants after the store lost its last writes: a bounded number of runs a call, from `cursor` on.
   * Repeating it changes nothing.
   */
  reconcile(args: { cursor?: string; runsMax: number }): Promise<ReconcileResult>;
  /**
   * Names the life of the data: another answer than before means that the store may have lost its last writes (it was
   * restarted, or a replica took over).
   */
  epoch(): Promise<string>;
}

// ---------------------------------------------------------------------------------------------------- inspection

export interface RunJob {
  jobId: JobId;
  kind: 'start' | 'edge' | 'sleep' | 'timeout';
  state: 'delayed' | 'ready' | 'leased';
  at: EpochMs;
  attempt: number;
  target: string;
}

export interface StoreCounts {
  runs: number;
  delayed: number;
  /** Of the 1,000 lanes that are there longest; `queueDepths` tells all. */
  ready: number;
  leased: number;
  /** Of the 1,000 functions that are there longest. */
  parkedLanes: number;
  pauses: number;
  /** Those that are open. */
  buffers: number;
  outbox: number;
}

export interface ListRunsArgs {
  functionId: FunctionId;
  /** `after` of the page before; 0 for the first. */
  after: number;
  /** Live runs looked at, of whatever function. */
  runsMax: number;
  /** Without them `events` is ''. */
  withEvents: boolean;
}

export interface RunsPage {
  /** Those of the function, in the order of their creation. */
  runs: { runId: RunId; scheduledAt: EpochMs; events: string }[];
  after: number;
  /** There are no more so far; runs that are created later come behind `after`. */
  isLast: boolean;
}

/** Ready jobs of one function, those that a limit holds back included. */
export interface FunctionDepth {
  functionId: FunctionId;
  jobs: number;
  /** Since when the one that waits longest is ready, of those whose turn is next in their lanes; 0 when that is not known. */
  oldestReadyAt: EpochMs;
}

export interface QueueDepthsPage {
  /** Those that have ready jobs; a function may come on several pages. */
  functions: FunctionDepth[];
  /** Where the next page begins. */
  after: number;
  /** There were no more lanes. */
  isLast: boolean;
}

/** Why a job is not in progress, and where it stands. */
export interface JobWait extends RunJob {
  waitsFor: WaitReason;
  /** Ready jobs of the same lane (same function, class and keys) that come first. 0 for what is not ready. */
  ahead: number;
}

export type WaitReason =
  /** In progress: nothing. */
  | { kind: 'nothing' }
  /** Delayed: its time (backoff, sleep, future event, timeout). */
  | { kind: 'time'; until: EpochMs }
  /** The function is paused. */
  | { kind: 'paused' }
  | { kind: 'throttle'; key: string; until: EpochMs }
  /**
   * A counter is full. `key`: as in `ConstraintKeys` (keyed, run), else the ID of account or function. `slot`: which of
   * `ConstraintKeys.keyed`. `holders`: up to 10 runs that hold it, `held` how many do.
   */
  | {
      kind: 'capacity';
      constraint: 'account' | 'function' | 'keyed' | 'run';
      slot?: number;
      key: string;
      limit: number;
      held: number;
      holders: RunId[];
    }
  /** Nothing but its turn: there is room for it. */
  | { kind: 'turn' };

export interface StoreInspection {
  /**
   * Ready jobs by function, of up to `lanesMax` lanes of this cell (1,000 at most); `after` is that of the page before, 0 for the
   * first. Reading changes nothing.
   */
  queueDepths(args: { after: number; lanesMax: number }): Promise<QueueDepthsPage>;
  /**
   * What each job of a live run waits for, of up to 1,000; undefined when there is no such run. Keys that the store shortened
   * (`ConstraintKeys` of more than 128 characters, or unusual ones) are told so. Reading changes nothing.
   */
  explainRun(runId: RunId): Promise<JobWait[] | undefined>;
  /**
   * One page of a check of all that is stored, a bounded number of entries in one atomic look, while the store is in use: each
   * broken invariant as a sentence. For whoever watches a store that is too large for `checkInvariants`.
   */
  audit(args: { cursor?: string; entriesMax: number }): Promise<{ problems: string[]; cursor?: string }>;
  /** Live runs of one function, of this cell. Reading changes nothing. */
  listRuns(args: ListRunsArgs): Promise<RunsPage>;
  findRunJobs(runId: RunId): Promise<RunJob[]>;
  findJob(jobId: JobId): Promise<RunJob | undefined>;
  counts(): Promise<StoreCounts>;
  /** Every broken invariant as a sentence; empty when all hold (docs: invariants). Reads everything: for tests and doctor. */
  checkInvariants(): Promise<string[]>;
  /** Every key with its content in one canonical form, the same in all drivers: for tests. */
  dump(): Promise<Record<string, unknown>>;
}
