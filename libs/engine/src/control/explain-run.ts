import { assertNever, type EpochMs, type FunctionDefinition, type JsonObject, type RunId } from '@perdure/domain';
import type { JobWait, RunJob, RunRecord, WaitReason } from '@perdure/store';
import { evaluate, keyedLimits } from '../function/constraint-keys.ts';
import type { Ports } from '../ports.ts';

/** What holds a job of a run back. */
export type Constraint =
  /** It is in progress. */
  | 'nothing'
  /** Nothing but its turn: there is room for it. */
  | 'turn'
  | 'paused'
  | 'throttle'
  | 'account-concurrency'
  | 'function-concurrency'
  | 'keyed-concurrency'
  | 'run-concurrency'
  /** The run is to start later: its event lies in the future, or its schedule has jitter. */
  | 'start-time'
  | 'backoff'
  | 'sleep'
  /** An event, a signal, or the end of a run that it invoked. */
  | 'wait';

/** Why one job of a run is not in progress. */
export interface WaitingFor {
  job: Pick<RunJob, 'jobId' | 'kind' | 'target' | 'attempt'>;
  constraint: Constraint;
  /** The same in one sentence, for people. */
  text: string;
  /** When it goes on: at the earliest where it waits for capacity, at the latest where it waits for something to happen. */
  until?: EpochMs;
  /** The limit's key expression and what it comes to for this run; no value: it is missing, false or fails, and such runs share one. */
  key?: { scope: 'fn' | 'env' | 'account'; expression: string; value?: string };
  /** Of a full counter: how many it admits, how many hold it, and up to ten of those runs. */
  capacity?: { limit: number; held: number; holders: RunId[] };
  /** Jobs that come first among those that wait for the same. */
  ahead: number;
}

export interface RunExplanation {
  runId: RunId;
  functionId: string;
  status: RunRecord['status'];
  /** One a job; a run may have several, of steps that it does in parallel. */
  waitingFor: WaitingFor[];
}

/**
 * Why a run has not started or does not go on (execution.md 3.6): for each of its jobs what holds it back, by which limit and key,
 * who holds that, and its place in the line. As of this moment; undefined when there is no such run in progress.
 */
export async function explainRun({ store, catalog }: Ports, runId: RunId): Promise<RunExplanation | undefined> {
  const [run, waits] = await Promise.all([store.findRun(runId), store.cellOf(runId).explainRun(runId)]);
  if (run === undefined || waits === undefined) return undefined;
  const fn = await catalog.findFunction(run.functionId);
  const limited = waits.filter(isWork).map((wait) => ({ wait, limit: fn && limitOf(wait.waitsFor, fn.flow) }));
  // The event comes with the whole state of the run, which may be large: only where a key is to be told.
  const isKeyed = limited.some(({ limit }) => limit?.key !== undefined);
  const state = isKeyed ? await store.findRunState(runId) : undefined;
  const [event = {}] = state === undefined ? [] : (JSON.parse(state.events) as JsonObject[]);
  return {
    runId,
    functionId: run.functionId,
    status: run.status,
    waitingFor: limited.map(({ wait, limit }) => explainJob(wait, run, limit && keyFor(limit, event, run.scheduledAt))),
  };
}

/** The run's own timeouts are jobs of no step, and nothing that it waits for. */
function isWork({ kind, target }: JobWait): boolean {
  return kind !== 'timeout' || target !== '';
}

interface KeyedBy {
  scope: 'fn' | 'env' | 'account';
  key?: string | undefined;
}

function keyFor({ scope, key: expression }: KeyedBy, event: JsonObject, at: EpochMs): WaitingFor['key'] {
  if (expression === undefined) return undefined;
  const result = evaluate(expression, event, at);
  return { scope, expression, ...(result.kind === 'key' && { value: result.key }) };
}

function explainJob(
  { jobId, kind, target, attempt, ahead, waitsFor }: JobWait,
  run: RunRecord,
  key: WaitingFor['key'],
): WaitingFor {
  const constraint = constraintOf(waitsFor, kind, run);
  const facts = {
    constraint,
    ...('until' in waitsFor && { until: waitsFor.until }),
    ...(key && { key }),
    ...(waitsFor.kind === 'capacity' && {
      capacity: { limit: waitsFor.limit, held: waitsFor.held, holders: waitsFor.holders },
    }),
    ahead,
  };
  return { job: { jobId, kind, target, attempt }, ...facts, text: sentenceOf(facts) };
}

function constraintOf(waitsFor: WaitReason, kind: RunJob['kind'], { status }: RunRecord): Constraint {
  if (waitsFor.kind === 'capacity') return `${waitsFor.constraint}-concurrency`;
  if (waitsFor.kind !== 'time') return waitsFor.kind;
  if (kind === 'sleep') return 'sleep';
  if (kind === 'timeout') return 'wait';
  return status === 'Scheduled' ? 'start-time' : 'backoff';
}

/** The registered limit that has a key, of those that the run may be held back by. */
function limitOf(waitsFor: WaitReason, flow: FunctionDefinition['flow']): KeyedBy | undefined {
  if (waitsFor.kind === 'throttle') return { scope: 'fn', key: flow.throttle?.key };
  if (waitsFor.kind !== 'capacity') return undefined;
  if (waitsFor.constraint === 'run') return { scope: 'fn', key: flow.runConcurrency?.key };
  return waitsFor.constraint === 'keyed' ? keyedLimits(flow)[waitsFor.slot ?? 0] : undefined;
}

function sentenceOf({ constraint, until, key, capacity, ahead }: Omit<WaitingFor, 'job' | 'text'>): string {
  const at = until === undefined ? '' : new Date(until).toISOString();
  const line = ahead === 0 ? 'it is next in line' : `${ahead} ${ahead === 1 ? 'job comes' : 'jobs come'} first`;
  const full = (what: string): string =>
    `${what} ${capacity?.held ?? 0} of ${capacity?.limit ?? 0} in progress${forKey(key)}; ${line}`;
  switch (constraint) {
    case 'nothing':
      return 'it is in progress';
    case 'turn':
      return `it is ready; ${line}`;
    case 'paused':
      return 'the function is paused';
    case 'throttle':
      return `the throttle of the function${forKey(key)} admits the next run at ${at}; ${line}`;
    case 'account-concurrency':
      return full('the account has');
    case 'function-concurrency':
      return full('the function has');
    case 'keyed-concurrency':
      return full(`the ${SCOPES[key?.scope ?? 'fn']} has`);
    case 'run-concurrency':
      return full('of its runs the function has');
    case 'start-time':
      return `it starts at ${at}`;
    case 'backoff':
      return `it is tried again at ${at}`;
    case 'sleep':
      return `it sleeps until ${at}`;
    case 'wait':
      return `it waits for an event, a signal or a run that it invoked, until ${at} at most`;
    default:
      return assertNever(constraint);
  }
}

const SCOPES = { fn: 'function', env: 'environment', account: 'account' } as const;

function forKey(key: WaitingFor['key']): string {
  if (key === undefined) return '';
  return ` for ${key.expression} ${key.value === undefined ? 'without a value' : `= ${key.value}`}`;
}
