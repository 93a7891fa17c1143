import {
  DEFAULT_ACCOUNT_ID,
  type Event,
  type FunctionDefinition,
  INTERNAL_EVENTS,
  type JsonObject,
  parseDuration,
  parseInstant,
  type RunId,
} from '@perdure/domain';
import { compileExpression, evaluateNumber, interpolate, type KeyResult } from '@perdure/expressions';
import type { StoredEvent } from '@perdure/protocol';
import type { PauseSpec, ScheduleArgs } from '@perdure/store';
import { constraintKeys, evaluate, keysIdOf } from '../function/constraint-keys.ts';
import { hash } from '../function/hash.ts';
import { pauseForEvent } from '../wait/pause-for-event.ts';
import { runMeta } from './run-meta.ts';

/** Seconds by which `priority.run` may move a run (execution.md 4.7). */
export const PRIORITY_MAX_S = 600;
const CANCEL_ON_MS_DEFAULT = 365 * 86_400_000;

export interface PlanRunInput {
  fn: FunctionDefinition;
  event: StoredEvent;
  /** The event as SDKs and expressions see it. */
  delivered: JsonObject;
  /** Canonical JSON array of it. */
  eventsJson: string;
  runId: RunId;
  now: number;
  /** `traceparent` of what schedules the run. */
  trace?: string;
}

/** What is needed to start a run of `fn` for `event`. Pure but for hashing; errors in key expressions follow execution.md 4.0. */
export function planRun(input: PlanRunInput): ScheduleArgs {
  const { fn, event, delivered, eventsJson, runId, now, trace } = input;
  const { flow } = fn;
  const key = (text: string): KeyResult => evaluate(text, delivered, now);
  const rateLimitKey = flow.rateLimit?.key === undefined ? undefined : key(flow.rateLimit.key);
  const singletonKey = flow.singleton?.key === undefined ? undefined : key(flow.singleton.key);
  const idempotency = flow.idempotency === undefined ? undefined : key(flow.idempotency);
  return {
    runId,
    functionId: fn.id,
    accountId: DEFAULT_ACCOUNT_ID,
    envId: fn.envId,
    appId: fn.appId,
    functionVersion: fn.version,
    dedupKey: hash(event.id ?? event.internalId),
    ...(idempotency?.kind === 'key' && { idempotencyKey: hash(flow.idempotency ?? '', idempotency.key) }),
    ...(flow.rateLimit &&
      (rateLimitKey === undefined || rateLimitKey.kind === 'key') && {
        rateLimit: {
          bucket: hash(fn.id, flow.rateLimit.key ?? '', rateLimitKey?.key ?? ''),
          limit: flow.rateLimit.limit,
          periodMs: flow.rateLimit.periodMs,
        },
      }),
    ...(flow.singleton &&
      (singletonKey === undefined || singletonKey.kind === 'key') && {
        singleton: { key: hash(fn.id, singletonKey?.key ?? ''), mode: flow.singleton.mode },
      }),
    notBefore: event.ts > now ? event.ts : now,
    priority: flow.priority === undefined ? 0 : priorityOf(flow.priority, delivered, now),
    keys: constraintKeys(fn, delivered, now),
    keysId: keysIdOf(fn),
    attemptsMax: fn.retries + 1,
    events: eventsJson,
    meta: runMeta({ eventIds: [event.internalId], ...cronOf(event), ...(trace !== undefined && { trace }) }),
    ...correlation(event),
    publishesEnd: event.name !== INTERNAL_EVENTS.finished && event.name !== INTERNAL_EVENTS.failed,
    cancelOn: fn.flow.cancelOn.flatMap((entry, i) => cancelPause(entry, `${runId}.cancel-${i}`, delivered, now)),
    ...(flow.timeouts.startMs !== undefined && { startTimeoutMs: flow.timeouts.startMs }),
  };
}

/** What ends the run before its time; nothing when no event could (execution.md 4.9). */
function cancelPause(
  { event, if: condition, timeout }: FunctionDefinition['flow']['cancelOn'][number],
  pauseId: string,
  delivered: JsonObject,
  now: number,
): PauseSpec[] {
  const compiled =
    condition === undefined ? undefined : compileExpression(condition, { variables: ['event', 'async'] });
  // Registration refuses what does not compile.
  if (compiled?.ok === false) return [];
  const known = compiled && interpolate(compiled.expression, delivered, { now });
  if (known?.kind === 'false' || known?.kind === 'error') return [];
  const by = pauseForEvent({ event, ...(known?.kind === 'residual' && { residual: known.residual }) });
  return [{ ...by, pauseId, kind: 'cancel', expiresAt: endOfCancelOn(timeout, now) }];
}

function endOfCancelOn(timeout: string | undefined, now: number): number {
  const instant = timeout === undefined ? undefined : parseInstant(timeout);
  return (
    instant ?? now + (timeout === undefined ? CANCEL_ON_MS_DEFAULT : (parseDuration(timeout) ?? CANCEL_ON_MS_DEFAULT))
  );
}

function priorityOf(text: string, delivered: JsonObject, now: number): number {
  const compiled = compileExpression(text, { variables: ['event'] });
  if (!compiled.ok) return 0;
  const result = evaluateNumber(compiled.expression, { event: delivered }, { now });
  if (result.kind !== 'number') return 0;
  return Math.max(-PRIORITY_MAX_S, Math.min(PRIORITY_MAX_S, Math.trunc(result.value)));
}

/** The trigger of a run that a tick starts. */
function cronOf({ name, target, data }: Event): { cron?: string } {
  const cron = data['cron'];
  return name === INTERNAL_EVENTS.cronTick && target !== undefined && typeof cron === 'string' ? { cron } : {};
}

function correlation(event: Event): { correlationId?: string } {
  if (event.name !== INTERNAL_EVENTS.invoked) return {};
  const internal = event.data['_inngest'];
  if (internal === null || typeof internal !== 'object' || Array.isArray(internal)) return {};
  const id = internal['correlation_id'];
  return typeof id === 'string' && id !== '' ? { correlationId: id } : {};
}
