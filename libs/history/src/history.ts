import type {
  AppId,
  EnvId,
  EpochMs,
  Event,
  EventId,
  FunctionDefinition,
  FunctionId,
  JsonObject,
  LimitOverrides,
  RunId,
  RunStatus,
  SkipReason,
} from '@perdure/domain';

/** How one function took one event, when no run row tells (execution.md 2.6). */
export type EventOutcome =
  | { kind: 'duplicate'; runId: RunId }
  | { kind: 'idempotent'; runId: RunId }
  | { kind: 'rate_limited' }
  /** It waits with others in this buffer, or was dropped for a later one; the run has another ID. */
  | { kind: 'debounced' | 'batched'; bufferId: RunId }
  | { kind: 'expression_error'; message: string }
  | { kind: 'schedule_failed'; message: string };

export interface EventOutcomeRecord {
  eventId: EventId;
  functionId: FunctionId;
  at: EpochMs;
  outcome: EventOutcome;
}

export interface EventRecord {
  event: Event;
  envId: EnvId;
  /** Where the stream stored it: with the ID it identifies this receipt, so that a redelivery adds no row. */
  streamSeq: number;
}

/** What is known of a run. Upserts merge: a later record never turns a terminal status back (execution.md 2.9). */
export interface RunHistory {
  runId: RunId;
  functionId: FunctionId;
  functionVersion: number;
  appId: AppId;
  envId: EnvId;
  status: RunStatus;
  skipReason?: SkipReason;
  eventIds: EventId[];
  batchId?: string;
  cron?: string;
  originalRunId?: RunId;
  scheduledAt: EpochMs;
  startedAt?: EpochMs;
  endedAt?: EpochMs;
  /** JSON: returned value of a completed run, error of a failed one. */
  output?: string;
  /** Why the platform ended it. */
  reason?: string;
  /**
   * Given with its end, found by `findMemos` alone: text that says what its steps came to, so that it can be run again from
   * one of them.
   */
  memos?: string;
}

/** One change of what is said about a run, one of its steps, or a span (sdk-protocol.md 9.4). */
export interface MetadataRecord {
  /** ULID: orders the changes of a run. */
  id: string;
  runId: RunId;
  /** What of the run it is about; empty for the run as a whole. */
  target: JsonObject;
  kind: string;
  op: 'merge' | 'set' | 'delete' | 'add';
  values: JsonObject;
  at: EpochMs;
}

/** A span of the user's own (sdk-protocol.md 9.5). */
export interface SpanRecord {
  traceId: string;
  spanId: string;
  /** Where the span says so. */
  runId?: RunId;
  /** The span as JSON of OTLP. */
  span: JsonObject;
  receivedAt: EpochMs;
}

export interface HistoryBatch {
  events?: EventRecord[];
  outcomes?: EventOutcomeRecord[];
  runs?: RunHistory[];
  /** Runs that became Running. Merged into the row; kept even when it comes before the row's other facts. */
  started?: { runId: RunId; at: EpochMs }[];
  metadata?: MetadataRecord[];
  /** A span that is told twice is kept once. */
  spans?: SpanRecord[];
}

/** Runs, by the time at which they were scheduled; `cursor` names where the next page begins, if there may be one. */
export interface UnfinishedRuns {
  runs: RunHistory[];
  cursor?: string;
}

/** Events and runs for people and APIs: derived, rebuildable, never on the path of a step. */
export interface History {
  /**
   * One transaction; repeating any part changes nothing, and nothing depends on the order of calls. Of two outcomes for
   * one event and function the newer counts. Throws a `HistoryError`, as every method does: with `HISTORY_REFUSED` some
   * record of the batch can never be stored, and recording them one by one tells which.
   */
  record(batch: HistoryBatch): Promise<void>;
  findEvent(eventId: EventId): Promise<EventRecord | undefined>;
  /** Newest first, by internal ID; those named `inngest/...` only when asked for by name. `before` is exclusive. */
  listEvents(query: {
    envId: EnvId;
    name?: string;
    receivedAfter?: EpochMs;
    receivedBefore?: EpochMs;
    before?: EventId;
    eventsMax: number;
  }): Promise<EventRecord[]>;
  listRunsOfEvent(eventId: EventId): Promise<RunHistory[]>;
  findRun(runId: RunId): Promise<RunHistory | undefined>;
  /** As given with the run's end; undefined for one without steps. */
  findMemos(runId: RunId): Promise<string | undefined>;
  /**
   * Runs of one function scheduled from `scheduledFrom` until before `scheduledUntil`, by their IDs; `cursor` is the last of the
   * page before.
   */
  listRunsOfFunction(query: {
    functionId: FunctionId;
    statuses: RunStatus[];
    scheduledFrom: EpochMs;
    scheduledUntil: EpochMs;
    cursor?: RunId;
    runsMax: number;
  }): Promise<RunHistory[]>;
  /** Oldest first. */
  listMetadata(runId: RunId): Promise<MetadataRecord[]>;
  /** What `listMetadata` would answer, in bytes of its values. */
  countMetadataBytes(runId: RunId): Promise<number>;
  listSpans(runId: RunId): Promise<SpanRecord[]>;
  listOutcomes(eventId: EventId): Promise<EventOutcomeRecord[]>;
  /**
   * Runs that are Scheduled or Running as far as is known, and were scheduled before `olderThan`, oldest first: for
   * comparing with the store (execution.md 7.2, reconciliation 2). Pages do not overlap; a run that ends meanwhile may
   * still be listed. `cursor` is one that the page before answered with.
   */
  listUnfinishedRuns(query: { olderThan: EpochMs; cursor?: string; runsMax: number }): Promise<UnfinishedRuns>;
  /**
   * Drops events, ended runs with all that belongs to them, and spans older than the instant, a bounded number a call; answers how many. Several processes may
   * do so at once: each drops others.
   */
  deleteOlderThan(at: EpochMs, rowsMax: number): Promise<number>;
  /** Resolves when the database answers, which is what readiness asks. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** One SDK endpoint that registers functions together. */
export interface AppRecord {
  id: AppId;
  envId: EnvId;
  name: string;
  url: string;
  sdk: string;
  framework?: string;
  appVersion?: string;
  /** Of the register payload, to recognise an identical one. */
  checksum: string;
  syncedAt: EpochMs;
  /** Why the last sync failed; absent when it did not. */
  error?: { code: string; message: string };
}

/** A function whose runs somebody holds back. */
export type HeldState = 'paused' | 'drained';

/** Limits that an operator put in place of the registered ones; none: the registered ones hold again. */
export interface OverriddenLimits {
  limits?: LimitOverrides;
  /** Counts the changes, from 1. */
  revision: number;
}

export type SyncedFunction = Omit<FunctionDefinition, 'version'>;

/** What applications registered. Kept beside history, in the same database. */
export interface Registry {
  /**
   * Stores the app and its functions in one transaction: a function whose configuration differs (its URL is part of it)
   * gets the next version, functions no longer listed are archived, listed ones that were archived come back. Another app
   * stored at the same URL is forgotten: it was renamed. 'unchanged', with nothing written, when checksum and URL are the
   * stored ones and no error is recorded.
   */
  saveApp(
    app: AppRecord,
    functions: SyncedFunction[],
  ): Promise<{ kind: 'changed' | 'unchanged'; functions: FunctionDefinition[] }>;
  /** Of a sync tried at `at`: why it failed, or undefined to clear the error. Nothing when the app is unknown. */
  recordAppError(id: AppId, error: { code: string; message: string } | undefined, at: EpochMs): Promise<void>;
  listApps(envId: EnvId): Promise<AppRecord[]>;
  /** Archives the app's functions and forgets the app. False when there is none with this URL. */
  removeApp(envId: EnvId, url: string): Promise<boolean>;
  /**
   * Adds one function, in its newest version, to an app that declares its functions one by one, and the app if there is none of
   * this ID. Nothing is written when both are there as they are.
   */
  addFunction(app: AppRecord, fn: SyncedFunction): Promise<FunctionDefinition>;
  /**
   * Active functions in their newest version, and archived ones (for runs in flight); of both the states of those held, and
   * the overrides of those whose limits were ever overridden.
   */
  listFunctions(envId: EnvId): Promise<{
    active: FunctionDefinition[];
    archived: FunctionDefinition[];
    held: Map<FunctionId, HeldState>;
    overrides: Map<FunctionId, OverriddenLimits>;
  }>;
  /** Kept whatever is registered afterwards. False when there is no such function. A repeat changes nothing. */
  setFunctionState(envId: EnvId, functionId: FunctionId, state: 'active' | HeldState): Promise<boolean>;
  /**
   * Puts these limits in place of the registered ones, or of those put there before, whatever is registered afterwards;
   * undefined takes them away. Answers the revision; undefined when there is no such function. A repeat changes nothing.
   */
  overrideLimits(envId: EnvId, functionId: FunctionId, limits: LimitOverrides | undefined): Promise<number | undefined>;
  /** Grows with every change: lets a cache ask cheaply. */
  revision(): Promise<number>;
}
