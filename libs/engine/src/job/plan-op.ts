import {
  type AppId,
  assertNever,
  type EpochMs,
  type EnvId,
  type Event,
  type FunctionDefinition,
  type FunctionId,
  INTERNAL_EVENTS,
  type JsonObject,
  parseDuration,
  parseInstant,
  type RunId,
  WAIT_MS_MAX,
} from '@perdure/domain';
import { compileExpression, interpolate } from '@perdure/expressions';
import { asJsonObject, derivedUlid, errorMemo, type Op, type SdkError, toStoredEvent } from '@perdure/protocol';
import type { StepPlan, StepSave } from '@perdure/store';
import { pauseForEvent } from '../wait/pause-for-event.ts';

/** What an op comes to: something to wait for, an outcome that is known at once, nothing, or the end of the run. */
export type Planned =
  | { kind: 'plan'; plan: StepPlan }
  | { kind: 'save'; save: StepSave }
  | { kind: 'fail'; error: SdkError }
  | { kind: 'none' };

/** What ops are planned with: the run that asks, and what it is asked in. */
export interface PlanContext {
  run: { runId: RunId; envId: EnvId; appId: AppId; functionId: FunctionId; functionVersion: number };
  /** The run's first event, as functions see it; parsed only where an op asks for it. */
  triggerEvent: () => JsonObject;
  /** `traceparent` of what scheduled the run, where that is traced. */
  trace?: () => string | undefined;
  /** By slug or ID, of those that are registered. */
  findFunction: (name: string) => FunctionDefinition | undefined;
  now: EpochMs;
  attemptsMax: number;
}

type StepOp = Exclude<Op, { kind: 'none' }>;
type OpOf<Kind extends StepOp['kind']> = Extract<StepOp, { kind: Kind }>;

/** How long an invoke waits that names no timeout. */
const INVOKE_MS_DEFAULT = 365 * 86_400_000;
/** Invocations within invocations; more are taken for an endless loop (execution.md 5.10). */
const INVOKE_DEPTH_MAX = 100;

/** Decides what one op asks the platform to wait for (sdk-protocol.md 7.5, execution.md 5.6 to 5.10). Pure. */
export function planOp(op: StepOp, context: PlanContext): Planned {
  switch (op.kind) {
    case 'step-planned':
      return plan({ kind: 'run', hash: op.hash, isRace: op.isRace, attemptsMax: context.attemptsMax });
    case 'sleep':
      return planSleep(op, context.now);
    case 'wait-for-event':
      return planWait(op, context);
    case 'invoke':
      return planInvoke(op, context);
    case 'wait-for-signal':
      return planSignal(op, context);
    // The executor is busy with these itself, see `makeRequests`.
    case 'ai-gateway':
    case 'gateway':
    // They concern the end of the run, see `defersOf`.
    case 'defer-add':
    case 'defer-abort':
    case 'step-done':
    case 'step-error':
    case 'step-failed':
    case 'run-complete':
    case 'discover':
      return { kind: 'none' };
    default:
      return assertNever(op);
  }
}

function planSleep(op: OpOf<'sleep'>, now: EpochMs): Planned {
  const end = endOf(op.duration, now);
  if (end.kind === 'unreadable') {
    return fail(
      'InvalidSleep',
      `The sleep "${op.duration}" of step "${op.displayName}" is neither a duration nor an instant.`,
    );
  }
  if (end.kind === 'too-long') return tooLong('sleep', 'sleeps', op.duration);
  return plan({ kind: 'sleep', hash: op.hash, isRace: op.isRace, wakeAt: end.at });
}

function planWait(op: OpOf<'wait-for-event'>, context: PlanContext): Planned {
  const { run, now } = context;
  const end = endOf(op.timeout, now);
  if (end.kind === 'unreadable') return unreadableTimeout(op, op.timeout);
  if (end.kind === 'too-long') return tooLong('wait', 'waits', op.timeout);
  const compiled = op.if === undefined ? undefined : compileExpression(op.if, { variables: ['event', 'async'] });
  if (compiled?.ok === false) {
    return fail('InvalidExpression', 'Wait for event If expression failed to compile', compiled.message);
  }
  if (end.at <= now) return save(op, 'null');
  const known = compiled && interpolate(compiled.expression, context.triggerEvent(), { now });
  // Nothing can match any more: what is left is to wait in vain.
  if (known?.kind === 'false' || known?.kind === 'error') {
    return plan({ kind: 'sleep', hash: op.hash, isRace: op.isRace, wakeAt: end.at });
  }
  const pause = {
    ...pauseForEvent({ event: op.event, ...(known?.kind === 'residual' && { residual: known.residual }) }),
    pauseId: `${run.runId}.${op.hash}`,
    kind: 'wait' as const,
    expiresAt: end.at,
    timeoutMemo: 'null',
  };
  return plan({ kind: 'wait', hash: op.hash, isRace: op.isRace, pause });
}

function planInvoke(op: OpOf<'invoke'>, context: PlanContext): Planned {
  const { run, now } = context;
  const end = op.timeout === undefined ? { kind: 'at' as const, at: now + INVOKE_MS_DEFAULT } : endOf(op.timeout, now);
  if (end.kind === 'unreadable') return unreadableTimeout(op, op.timeout ?? '');
  if (end.kind === 'too-long') return tooLong('invoke', 'invocations', op.timeout ?? '');
  const target = context.findFunction(op.functionId);
  if (target === undefined) return save(op, errorMemo(functionNotFound(op.functionId)));
  const depth = depthOf(context.triggerEvent()) + 1;
  if (depth > INVOKE_DEPTH_MAX) return save(op, errorMemo(invokedTooDeeply()));
  const correlationId = `${run.runId}.${op.hash}`;
  const event = invokedEvent({ op, context, target, correlationId, expiresAt: end.at, depth });
  return plan({
    kind: 'invoke',
    hash: op.hash,
    isRace: op.isRace,
    pause: {
      pauseId: correlationId,
      kind: 'invoke',
      expiresAt: end.at,
      correlationId,
      timeoutMemo: errorMemo(invokeTimedOut()),
    },
    invokeEvent: { eventId: event.internalId, body: toStoredEvent(event, context.trace?.()) },
  });
}

function invokedEvent({
  op,
  context: { run, now },
  target,
  correlationId,
  expiresAt,
  depth,
}: {
  op: OpOf<'invoke'>;
  context: PlanContext;
  target: FunctionDefinition;
  correlationId: string;
  expiresAt: EpochMs;
  depth: number;
}): Event {
  const payload = asJsonObject(op.payload) ?? {};
  const user = asJsonObject(payload['user']);
  const meta = asJsonObject(payload['meta']);
  const version = payload['v'];
  return {
    internalId: derivedUlid(now, 'invoke', correlationId),
    receivedAt: now,
    name: INTERNAL_EVENTS.invoked,
    ts: now,
    data: {
      ...asJsonObject(payload['data']),
      _inngest: {
        fn_id: target.slug,
        correlation_id: correlationId,
        expire: expiresAt,
        gid: derivedUlid(now, 'group', correlationId),
        name: op.displayName,
        source_app_id: run.appId,
        source_fn_id: run.functionId,
        source_fn_v: run.functionVersion,
        depth,
      },
    },
    ...(user !== undefined && { user }),
    ...(meta !== undefined && { meta }),
    ...(typeof version === 'string' && { v: version }),
  };
}

/** How many invocations led to the run of this event. */
function depthOf(trigger: JsonObject): number {
  const depth = asJsonObject(asJsonObject(trigger['data'])?.['_inngest'])?.['depth'];
  return trigger['name'] === INTERNAL_EVENTS.invoked && typeof depth === 'number' ? depth : 0;
}

function planSignal(op: OpOf<'wait-for-signal'>, { run, now }: PlanContext): Planned {
  const end = endOf(op.timeout, now);
  if (end.kind === 'unreadable') return unreadableTimeout(op, op.timeout);
  if (end.kind === 'too-long') return tooLong('wait', 'waits', op.timeout);
  return plan({
    kind: 'signal',
    hash: op.hash,
    isRace: op.isRace,
    conflict: op.conflict,
    pause: {
      pauseId: `${run.runId}.${op.hash}`,
      kind: 'signal',
      expiresAt: end.at,
      correlationId: op.signal,
      timeoutMemo: 'null',
    },
  });
}

type End = { kind: 'at'; at: EpochMs } | { kind: 'unreadable' } | { kind: 'too-long' };

/** When a duration or an instant ends; nothing, and what lies behind, is over at once (sdk-protocol.md 7.5). */
function endOf(text: string, now: EpochMs): End {
  const instant = parseInstant(text);
  const durationMs = instant === undefined ? (text.trim() === '' ? 0 : parseDuration(text)) : instant - now;
  if (durationMs === undefined) return { kind: 'unreadable' };
  if (durationMs > WAIT_MS_MAX) return { kind: 'too-long' };
  return { kind: 'at', at: instant ?? now + Math.ceil(Math.max(0, durationMs)) };
}

function plan(what: StepPlan): Planned {
  return { kind: 'plan', plan: what };
}

function save({ hash, isRace }: Pick<StepOp, 'hash' | 'isRace'>, memo: string): Planned {
  return { kind: 'save', save: { hash, memo, isRace } };
}

function fail(name: string, message: string, stack?: string): Planned {
  return { kind: 'fail', error: { name, message, ...(stack !== undefined && { stack }) } };
}

function tooLong(what: string, plural: string, text: string): Planned {
  return fail(
    'InngestErrTimeoutTooLong',
    `The ${what} "${text}" ends more than one year in the future; ${plural} may last at most one year.`,
  );
}

function unreadableTimeout({ displayName }: StepOp, text: string): Planned {
  return fail('InvalidTimeout', `The timeout "${text}" of step "${displayName}" is neither a duration nor an instant.`);
}

/** What an invoke of a function ends with that nobody has registered. */
export function functionNotFound(name: string): SdkError {
  return { name: 'Error', message: `could not find function with ID: ${name}` };
}

function invokeTimedOut(): SdkError {
  const name = 'InngestInvokeTimeoutError';
  const message = 'Timed out waiting for invoked function to complete';
  return { error: `${name}: ${message}`, name, message };
}

function invokedTooDeeply(): SdkError {
  return { name: 'Error', message: `functions may invoke one another up to ${INVOKE_DEPTH_MAX} deep` };
}
