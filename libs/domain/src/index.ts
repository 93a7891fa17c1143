export { assert, assertNever, PerdureError } from './errors/perdure-error.ts';
export {
  EVENT_BYTES_MAX,
  EVENT_NAME_MAX,
  EVENT_TS_MAX,
  EVENT_TS_MIN,
  EVENTS_PER_REQUEST_MAX,
  INTERNAL_EVENT_PREFIX,
  INTERNAL_EVENTS,
  type Event,
  type JsonObject,
  type JsonValue,
} from './event/event.ts';
export { isTriggerPattern, patternsMatching } from './event/event-patterns.ts';
export {
  CANCEL_ON_MAX,
  CONCURRENCY_LIMITS_MAX,
  RETRIES_DEFAULT,
  RETRIES_MAX,
  TRIGGERS_MAX,
  type ConcurrencyLimit,
  type ConcurrencyScope,
  type FlowControl,
  type FunctionDefinition,
  type Trigger,
} from './function/function-definition.ts';
export type { LimitOverrides } from './function/limit-overrides.ts';
export {
  DEFAULT_ACCOUNT_ID,
  DEFAULT_ENV_ID,
  type AccountId,
  type AppId,
  type EnvId,
  type EventId,
  type FunctionId,
  type FunctionSlug,
  type Ids,
  type JobId,
  type LeaseToken,
  type PauseId,
  type RunId,
  type StepHash,
} from './ids/ids.ts';
export { deriveRunId } from './ids/derive-run-id.ts';
export { CELLS_MAX, cellOfRun, runIdInCell } from './ids/run-cell.ts';
export { encodeUlid, isUlid, ulidTimeMs } from './ids/ulid.ts';
export {
  IDEMPOTENCY_MS,
  INLINE_STATE_BYTES_MAX,
  isEnded,
  RUN_STATE_BYTES_MAX,
  RUN_STATUSES,
  STEP_OUTPUT_BYTES_MAX,
  STEPS_PER_RUN_DEFAULT,
  STEPS_PER_RUN_MAX,
  WAIT_MS_MAX,
  type EndStatus,
  type RunStatus,
  type SkipReason,
} from './run/run.ts';
export {
  BACKOFF_JITTER_MS,
  BACKOFF_MS,
  decideAfterFailure,
  RETRY_AFTER_MAX_MS,
  RETRY_AFTER_MIN_MS,
  type AfterFailure,
  type AttemptFailure,
  type BackoffPolicy,
} from './step/decide-after-failure.ts';
export type { Clock, EpochMs } from './time/clock.ts';
export { parseDuration, parseInstant } from './time/parse-duration.ts';
