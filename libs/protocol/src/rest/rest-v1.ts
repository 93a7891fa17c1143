import type {
  AccountId,
  EnvId,
  EpochMs,
  Event,
  EventId,
  FunctionId,
  JsonObject,
  JsonValue,
  RunId,
  RunStatus,
} from '@perdure/domain';
import { DEFAULT_ACCOUNT_ID } from '@perdure/domain';
import { parseJson } from '../json/parse-json.ts';

/** An instant as all APIs show it: RFC 3339 in UTC, with the milliseconds that are known. */
export function formatInstant(at: EpochMs): string {
  return new Date(at).toISOString();
}

/** The answer of a REST v1 route (http-api.md 2.5). */
export function envelope<T>(
  data: T,
  now: EpochMs,
  cachedUntil?: EpochMs,
): { data: T; metadata: { fetched_at: string; cached_until?: string } } {
  return {
    data,
    metadata: {
      fetched_at: formatInstant(now),
      ...(cachedUntil !== undefined && { cached_until: formatInstant(cachedUntil) }),
    },
  };
}

export interface EventV1 {
  internal_id: EventId;
  account_id: AccountId;
  environment_id: EnvId;
  source: string;
  source_id: string | null;
  received_at: string;
  id: string;
  name: string;
  data: JsonObject;
  user?: JsonObject;
  ts: EpochMs;
  v?: string;
}

export function toEventV1(record: { event: Event; envId: EnvId; accountId?: AccountId }): EventV1 {
  const { event, envId, accountId = DEFAULT_ACCOUNT_ID } = record;
  return {
    internal_id: event.internalId,
    account_id: accountId,
    environment_id: envId,
    source: 'api',
    source_id: null,
    received_at: formatInstant(event.receivedAt),
    id: event.id ?? event.internalId,
    name: event.name,
    data: event.data,
    ...(event.user !== undefined && { user: event.user }),
    ts: event.ts,
    ...(event.v !== undefined && { v: event.v }),
  };
}

/** What is known of a run, as history has it. */
export interface RunFacts {
  runId: RunId;
  functionId: FunctionId;
  functionVersion: number;
  envId: EnvId;
  status: RunStatus;
  eventIds: EventId[];
  batchId?: string;
  cron?: string;
  originalRunId?: RunId;
  scheduledAt: EpochMs;
  endedAt?: EpochMs;
  /** JSON. */
  output?: string;
}

export interface RunV1 {
  run_id: RunId;
  run_started_at: string;
  function_id: FunctionId;
  function_version: number;
  environment_id: EnvId;
  event_id: EventId | null;
  batch_id?: string;
  original_run_id?: RunId;
  cron?: string;
  status: RunStatus;
  ended_at: string | null;
  output?: JsonValue;
}

/** `run_started_at` is the time of scheduling. `output` is the bare value or error. */
export function toRunV1(run: RunFacts): RunV1 {
  return {
    run_id: run.runId,
    run_started_at: formatInstant(run.scheduledAt),
    function_id: run.functionId,
    function_version: run.functionVersion,
    environment_id: run.envId,
    event_id: run.eventIds[0] ?? null,
    ...(run.batchId !== undefined && { batch_id: run.batchId }),
    ...(run.originalRunId !== undefined && { original_run_id: run.originalRunId }),
    ...(run.cron !== undefined && { cron: run.cron }),
    status: run.status,
    ended_at: run.endedAt === undefined ? null : formatInstant(run.endedAt),
    ...outputOf(run.output),
  };
}

function outputOf(text: string | undefined): { output?: JsonValue } {
  if (text === undefined) return {};
  const parsed = parseJson(text);
  return { output: parsed.ok ? parsed.value : text };
}
