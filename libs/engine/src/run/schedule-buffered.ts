import {
  type EpochMs,
  type Event,
  type FunctionDefinition,
  INTERNAL_EVENTS,
  type JsonObject,
  type RunId,
} from '@perdure/domain';
import type { EventOutcome, EventOutcomeRecord } from '@perdure/history';
import { asJsonObject, correlationIdOf } from '@perdure/protocol';
import type { ClosedBuffer, ScheduleArgs } from '@perdure/store';
import { hash } from '../function/hash.ts';
import type { Ports } from '../ports.ts';
import { answerUninvoked } from '../wait/answer-invoke.ts';
import { planRun } from './plan-run.ts';
import { parseRunMeta, type RunMeta, runMeta } from './run-meta.ts';
import { runIdOf } from './run-id-of.ts';
import { scheduleTraced } from './schedule-traced.ts';

/** A buffer that the store closed in one of its cells. */
export interface Closing {
  buffer: ClosedBuffer;
  closedAt: EpochMs;
  cell: number;
}

/** What a buffer held, read once. */
interface Contents {
  /** As SDKs see them, in order. */
  delivered: JsonObject[];
  metas: RunMeta[];
}

/**
 * Starts the run that a closed buffer is for, of the function as it is now, in the cell of the buffer (execution.md 2.3: from step 8 on).
 * Rate limit and idempotency were decided when its events came, and its ID is derived, so that a repeat starts nothing more. Who invoked
 * the function is told when there will be no run. Answers what no run's row tells.
 */
export async function scheduleBuffered(ports: Ports, closing: Closing): Promise<EventOutcomeRecord[]> {
  const { buffer } = closing;
  const fn = await findActive(ports, closing);
  const contents = readContents(buffer);
  if (fn === undefined) {
    ports.log.warn('events waited for a function that is registered no more', {
      functionId: buffer.functionId,
      bufferId: buffer.bufferId,
      events: buffer.items.length,
    });
    await answerUninvoked(ports, buffer.callers, { kind: 'function-missing', name: buffer.functionId });
    return outcomesOf(ports, contents, buffer, 'The function is registered no more.');
  }
  const runId = runIdOf({ internalId: buffer.bufferId, receivedAt: closing.closedAt }, fn.id, closing.cell);
  const last = contents.metas.at(-1);
  const about = { fn, runId, eventId: last?.eventIds[0] ?? '', trace: last?.trace };
  const result = await scheduleTraced(ports, about, (trace) =>
    planBuffered({ fn, buffer, contents, runId, now: ports.clock.now(), trace }),
  );
  await answerUninvoked(ports, buffer.callers, result);
  return [];
}

/** Gives up on a buffer for which no run can be scheduled, whatever is tried: its events are said to have failed. */
export async function abandonBuffered(
  ports: Ports,
  { buffer }: Closing,
  cause: unknown,
): Promise<EventOutcomeRecord[]> {
  const message = cause instanceof Error ? cause.message : String(cause);
  ports.log.error('the run of a buffer could not be scheduled and is given up', {
    functionId: buffer.functionId,
    bufferId: buffer.bufferId,
    events: buffer.items.length,
    error: cause,
  });
  await answerUninvoked(ports, buffer.callers, { kind: 'failed', message });
  return outcomesOf(ports, readContents(buffer), buffer, message);
}

/** One that this process has yet to hear of is asked for. */
async function findActive(ports: Ports, { buffer }: Closing): Promise<FunctionDefinition | undefined> {
  const known = ports.catalog.index.findByName(buffer.functionId);
  return known ?? (await ports.catalog.confirm()).findByName(buffer.functionId);
}

function readContents({ items }: ClosedBuffer): Contents {
  return {
    delivered: items.flatMap(({ events }) => JSON.parse(events) as JsonObject[]),
    metas: items.map(({ meta }) => parseRunMeta(meta)),
  };
}

function planBuffered({
  fn,
  buffer,
  contents,
  runId,
  now,
  trace,
}: {
  fn: FunctionDefinition;
  buffer: ClosedBuffer;
  contents: Contents;
  runId: RunId;
  now: EpochMs;
  trace: string | undefined;
}): ScheduleArgs {
  const [delivered] = contents.delivered;
  if (delivered === undefined) throw new RangeError('a buffer has at least one event');
  const {
    rateLimit: _rateLimit,
    idempotencyKey: _idempotencyKey,
    cancelOn = [],
    ...args
  } = planRun({ fn, event: eventOf(delivered), delivered, eventsJson: joinEvents(buffer), runId, now });
  const callers = otherCallers(buffer, contents);
  return {
    ...args,
    dedupKey: hash('buffer', buffer.bufferId),
    meta: runMeta({
      ...contents.metas.at(-1),
      eventIds: contents.metas.flatMap(({ eventIds }) => eventIds),
      ...(buffer.kind === 'batch' && { batchId: buffer.bufferId }),
      ...(trace !== undefined && { trace }),
      ...(callers.length > 0 && { callers }),
    }),
    // Each event of its own could cancel a batch, and would cancel those of the others with it.
    ...(buffer.kind === 'debounce' && { cancelOn }),
    publishesEnd: buffer.callers.length > 0 || !contents.delivered.every(tellsAnEnd),
  };
}

/** The event as far as a run is planned by it. */
function eventOf(delivered: JsonObject): Event {
  const { name, ts } = delivered;
  if (typeof name !== 'string' || typeof ts !== 'number') throw new TypeError('a buffered event has a name and a time');
  return { internalId: '', receivedAt: ts, name, ts, data: asJsonObject(delivered['data']) ?? {} };
}

/** The arrays of all items as one. */
function joinEvents({ items }: ClosedBuffer): string {
  return `[${items.map(({ events }) => events.slice(1, -1)).join(',')}]`;
}

/** Those that no event of the run names: theirs was dropped for a later one. */
function otherCallers({ callers }: ClosedBuffer, { delivered }: Contents): string[] {
  if (callers.length === 0) return [];
  const named = new Set(delivered.map(correlationIdOf));
  return [...new Set(callers)].filter((caller) => !named.has(caller));
}

function tellsAnEnd({ name }: JsonObject): boolean {
  return name === INTERNAL_EVENTS.finished || name === INTERNAL_EVENTS.failed;
}

function outcomesOf(
  ports: Ports,
  { metas }: Contents,
  { functionId }: ClosedBuffer,
  message: string,
): EventOutcomeRecord[] {
  const outcome: EventOutcome = { kind: 'schedule_failed', message };
  const at = ports.clock.now();
  return metas.flatMap(({ eventIds }) => eventIds.map((eventId) => ({ eventId, functionId, at, outcome })));
}
