import {
  type AccountId,
  type AppId,
  DEFAULT_ACCOUNT_ID,
  type EnvId,
  type EpochMs,
  type FunctionId,
} from '@perdure/domain';
import type { RunStatus } from '@perdure/domain';
import { formatInstant } from './rest-v1.ts';

/** A bulk cancellation or a replay, as it is kept. */
export interface SweepFacts {
  id: string;
  envId: EnvId;
  functionId: FunctionId;
  /** JSON. */
  spec: string;
  state: 'open' | 'done' | 'stopped';
  seen: number;
  done: number;
  failed: number;
  createdAt: EpochMs;
  endedAt?: EpochMs;
}

/** Its function as the SDK names it, where that is registered. */
export interface SweptFunction {
  slug: string;
  appId: AppId;
}

interface SweepV1 {
  id: string;
  account_id: AccountId;
  environment_id: EnvId;
  function_internal_id: FunctionId;
  function_id: string;
  app_id: AppId | null;
  created_at: string;
  ended_at: string | null;
  /** `running`, `completed`, or `stopped` before it was through. */
  status: 'running' | 'completed' | 'stopped';
}

export interface CancellationV1 extends SweepV1 {
  kind: 'bulk';
  started_before: string;
  started_after: string | null;
  if: string | null;
  /** Runs that it was about so far; those of them that it cancelled, and those whose `if` could not be evaluated. */
  progress: { matched: number; cancelled: number; failed: number };
}

export interface ReplayV1 extends SweepV1 {
  from: string;
  until: string;
  statuses: RunStatus[];
  runs_per_second: number;
  /** Runs that it was about so far; those of them that run again, and those that could not. */
  progress: { matched: number; scheduled: number; failed: number };
}

/** A bulk cancellation as `/v1/cancellations` shows it (http-api.md 2.5), with how far it is. */
export function toCancellationV1(sweep: SweepFacts, fn: SweptFunction | undefined): CancellationV1 {
  const spec = JSON.parse(sweep.spec) as { startedBefore: EpochMs; startedAfter?: EpochMs; if?: string };
  return {
    ...toSweepV1(sweep, fn),
    kind: 'bulk',
    started_before: formatInstant(spec.startedBefore),
    started_after: spec.startedAfter === undefined ? null : formatInstant(spec.startedAfter),
    if: spec.if ?? null,
    progress: { matched: sweep.seen, cancelled: sweep.done, failed: sweep.failed },
  };
}

export function toReplayV1(sweep: SweepFacts, fn: SweptFunction | undefined): ReplayV1 {
  const spec = JSON.parse(sweep.spec) as {
    from: EpochMs;
    until: EpochMs;
    statuses: RunStatus[];
    runsPerSecond: number;
  };
  return {
    ...toSweepV1(sweep, fn),
    from: formatInstant(spec.from),
    until: formatInstant(spec.until),
    statuses: spec.statuses,
    runs_per_second: spec.runsPerSecond,
    progress: { matched: sweep.seen, scheduled: sweep.done, failed: sweep.failed },
  };
}

const STATUSES = { open: 'running', done: 'completed', stopped: 'stopped' } as const;

function toSweepV1(
  { id, envId, functionId, state, createdAt, endedAt }: SweepFacts,
  fn: SweptFunction | undefined,
): SweepV1 {
  return {
    id,
    account_id: DEFAULT_ACCOUNT_ID,
    environment_id: envId,
    function_internal_id: functionId,
    function_id: fn?.slug ?? functionId,
    app_id: fn?.appId ?? null,
    created_at: formatInstant(createdAt),
    ended_at: endedAt === undefined ? null : formatInstant(endedAt),
    status: STATUSES[state],
  };
}
