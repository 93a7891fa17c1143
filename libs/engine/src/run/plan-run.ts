import { createHash } from 'node:crypto';
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
import { compileExpression, evaluateKey, evaluateNumber, interpolate, type KeyResult } from '@perdure/expressions';
import type { StoredEvent } from '@perdure/protocol';
import type { ConstraintKeys, FunctionLimits, PauseSpec, ScheduleArgs } from '@perdure/store';
import { FUNCTION_CONCURRENCY_DEFAULT } from '@perdure/store';
import { pauseForEvent } from '../wait/pause-for-event.ts';
import { runMeta } from './run-meta.ts';

/** Seconds by which `priority.run` may move a run (execution.md 4.7). */
export const PRIORITY_MAX_S = 600;
const CANCEL_ON_MS_DEFAULT = 365 * 86_400_000;

/** The numbers of a function that the store enforces at each claim. */
export function functionLimits(fn: FunctionDefinition): FunctionLimits {
  const { flow } = fn;
  const plain = flow.concurrency.filter((limit) => limit.key === undefined).map((limit) => limit.limit);
  return {
    functionId: fn.id,
    accountId: fn.accountId,
    version: fn.version,
    weight: 1,
    concurrency: Math.min(FUNCTION_CONCURRENCY_DEFAULT, ...plain),
    keyed: flow.concurrency.filter((limit) => limit.key !== undefined).map((limit) => limit.limit),
    ...(flow.runConcurrency && { run: flow.runConcurrency.limit }),
    ...(flow.throttle && {
      throttle: { limit: flow.throttle.limit, burst: flow.throttle.burst, periodMs: flow.throttle.periodMs },
    }),
    ...(flow.timeouts.startMs !== undefined && { startTimeoutMs: flow.timeouts.startMs }),
    ...(flow.timeouts.finishMs !== undefined && { finishTimeoutMs: flow.timeouts.finishMs }),
  };
}

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
  const key = (text: string): KeyResult => keyOf(text, delivered, now);
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
    cause: hash(fn.id, event.internalId, String(event.receivedAt)),
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
    keys: constraintKeys(fn, key),
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

function constraintKeys(fn: FunctionDefinition, key: (text: string) => KeyResult): ConstraintKeys {
  const { flow } = fn;
  const scopes = { fn: fn.id, env: fn.envId, account: fn.accountId };
  const keyed = flow.concurrency
    .filter((limit) => limit.key !== undefined)
    .map((limit) => {
      const text = limit.key ?? '';
      return `${limit.scope}:${hash(scopes[limit.scope], text, bucketOf(key(text)))}`;
    });
  return {
    ...(flow.throttle && { throttle: hash(fn.id, flow.throttle.key ?? '', bucketOfOptional(flow.throttle.key, key)) }),
    ...(keyed.length > 0 && { keyed }),
    ...(flow.runConcurrency && {
      run: hash(fn.id, flow.runConcurrency.key ?? '', bucketOfOptional(flow.runConcurrency.key, key)),
    }),
  };
}

function bucketOfOptional(text: string | undefined, key: (text: string) => KeyResult): string {
  return text === undefined ? '' : bucketOf(key(text));
}

/** Runs whose key is missing, false or failing share a bucket each (execution.md 4.0). */
function bucketOf(result: KeyResult): string {
  return result.kind === 'key' ? `=${result.key}` : result.kind;
}

function keyOf(text: string, delivered: JsonObject, now: number): KeyResult {
  const compiled = compileExpression(text, { variables: ['event'] });
  if (!compiled.ok) return { kind: 'error', message: compiled.message };
  return evaluateKey(compiled.expression, { event: delivered }, { now });
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

/** 128 bits, URL-safe: parts are separated so that no two lists of parts collide. */
export function hash(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}
