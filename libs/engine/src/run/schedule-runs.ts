import { type Event, type EventId, type FunctionDefinition, INTERNAL_EVENTS, type JsonObject } from '@perdure/domain';
import { evaluateBoolean } from '@perdure/expressions';
import type { EventOutcome, EventOutcomeRecord } from '@perdure/history';
import { asJsonObject, canonicalJson, correlationIdOf, type StoredEvent } from '@perdure/protocol';
import type { ScheduleResult } from '@perdure/store';
import type { Candidate } from '../function/function-index.ts';
import type { Ports } from '../ports.ts';
import { answerUninvoked } from '../wait/answer-invoke.ts';
import { planBuffer } from './plan-buffer.ts';
import { planRun, type PlanRunInput } from './plan-run.ts';
import { runIdOf } from './run-id-of.ts';
import { scheduleTraced } from './schedule-traced.ts';

/** What one event led to. */
export interface Scheduled {
  /** What no run's row tells. */
  outcomes: EventOutcomeRecord[];
  /** Cells in which there is something new: jobs, entries of the outbox, a buffer that will close. */
  cells: number[];
}

/**
 * Starts what one event starts: a run of each matching function (execution.md 2.2 to 2.6). Safe to repeat: runs
 * have IDs derived from event and function, by which the store recognises them, and a store that lost one gets it back.
 *
 * `onlyCell`: leave functions of other cells alone, for a cell that lost something.
 *
 * Problems of the user's making (an expression that fails) end the matter for that function and are recorded; only what
 * the platform failed at is thrown, so that the event is delivered again.
 */
export async function scheduleRuns(
  ports: Ports,
  event: StoredEvent,
  delivered: JsonObject,
  onlyCell?: number,
): Promise<Scheduled> {
  const { index } = ports.catalog;
  const { fns: matching, failures } = matchFunctions(ports, event, delivered);
  const fns = onlyCell === undefined ? matching : matching.filter((fn) => index.cellOf(fn.id) === onlyCell);
  await answerMissingTarget(ports, event);
  if (fns.length === 0) return { outcomes: failures, cells: [] };
  const eventsJson = `[${canonicalJson(delivered)}]`;
  const now = ports.clock.now();
  const cells = fns.map((fn) => index.cellOf(fn.id));
  const results = await Promise.all(
    fns.map(async (fn, i) => {
      const runId = runIdOf(event, fn.id, cells[i] ?? 0);
      const result = await schedule(ports, { fn, event, delivered, eventsJson, runId, now });
      await answerUninvoked(ports, callersOf(ports, event, fn), result);
      return result;
    }),
  );
  const records = results.flatMap((result, i) => record(event.internalId, fns[i], outcomeOf(fns[i], result), now));
  return {
    outcomes: [...failures, ...records],
    cells: cells.filter((_cell, i) => results[i] !== undefined && isNews(results[i])),
  };
}

async function schedule(ports: Ports, input: PlanRunInput): Promise<ScheduleResult> {
  const { fn, event, delivered, runId, now } = input;
  const buffer = planBuffer(fn, event, delivered, now);
  if (buffer.kind === 'none' && buffer.problem !== undefined) {
    const { problem: reason } = buffer;
    ports.log.warn('a batch key failed: the event has a run of its own', {
      eventId: event.internalId,
      functionId: fn.id,
      reason,
    });
  }
  const about = { fn, runId, eventId: event.internalId, trace: event.trace };
  return scheduleTraced(ports, about, (trace) => ({
    ...planRun({ ...input, ...(trace !== undefined && { trace }) }),
    ...(buffer.kind === 'buffer' && { buffer: buffer.spec }),
  }));
}

/** What invoked the function by this event; nothing when the event was made for another. */
function callersOf(ports: Ports, event: Event, fn: FunctionDefinition): string[] {
  const correlationId = correlationIdOf(event);
  return correlationId === undefined || fn !== invokedFunction(ports, event) ? [] : [correlationId];
}

/** The function was unregistered between the invoke and now. One that this process has yet to hear of gets the event later. */
async function answerMissingTarget(ports: Ports, event: Event): Promise<void> {
  const correlationId = correlationIdOf(event);
  if (correlationId === undefined || invokedFunction(ports, event) !== undefined) return;
  await ports.catalog.confirm();
  if (invokedFunction(ports, event) !== undefined) return;
  const name = asJsonObject(event.data['_inngest'])?.['fn_id'];
  const result = { kind: 'function-missing' as const, name: typeof name === 'string' ? name : '' };
  await answerUninvoked(ports, [correlationId], result);
}

/** Whether it is of any use to look at the cell now: not for an event that joined others. */
function isNews(result: ScheduleResult): boolean {
  return result.kind !== 'buffered' || result.opened || result.closed;
}

function record(
  eventId: EventId,
  fn: FunctionDefinition | undefined,
  outcome: EventOutcome | undefined,
  at: number,
): EventOutcomeRecord[] {
  return fn === undefined || outcome === undefined ? [] : [{ eventId, functionId: fn.id, at, outcome }];
}

function outcomeOf(fn: FunctionDefinition | undefined, result: ScheduleResult): EventOutcome | undefined {
  switch (result.kind) {
    case 'created':
    case 'skipped':
      return undefined; // The run's own row tells.
    case 'exists':
      // Of another event: the same event again is answered as at first.
      return { kind: 'duplicate', runId: result.runId };
    case 'duplicate':
      return { kind: result.by === 'event' ? 'duplicate' : 'idempotent', runId: result.runId };
    case 'rate-limited':
      return { kind: 'rate_limited' };
    case 'buffered':
      return { kind: fn?.flow.debounce === undefined ? 'batched' : 'debounced', bufferId: result.bufferId };
  }
}

function matchFunctions(
  ports: Ports,
  event: Event,
  delivered: JsonObject,
): { fns: FunctionDefinition[]; failures: EventOutcomeRecord[] } {
  const { index } = ports.catalog;
  const fns: FunctionDefinition[] = [];
  const failures: EventOutcomeRecord[] = [];
  if (isTargeted(event)) {
    const target = targetOf(ports, event);
    return { fns: target === undefined ? [] : [target], failures };
  }
  for (const candidate of index.candidates(event.name)) {
    const match = matchTriggers(candidate, delivered, ports.clock.now());
    if (match.kind === 'match') fns.push(candidate.fn);
    if (match.kind === 'error') {
      const outcome: EventOutcome = { kind: 'expression_error', message: match.message };
      failures.push({ eventId: event.internalId, functionId: candidate.fn.id, at: ports.clock.now(), outcome });
      ports.log.warn('a trigger expression failed', { eventId: event.internalId, functionId: candidate.fn.id });
    }
  }
  return { fns, failures };
}

/** Made for one function: no other matches it, whatever its triggers (execution.md 2.2, 2.7). */
function isTargeted(event: Event): boolean {
  return event.target !== undefined || event.name === INTERNAL_EVENTS.invoked;
}

/** The function that the event was made for: it starts whatever its triggers say. */
function targetOf(ports: Ports, event: Event): FunctionDefinition | undefined {
  if (event.target !== undefined) return ports.catalog.index.findByName(event.target);
  return invokedFunction(ports, event);
}

function invokedFunction(ports: Ports, event: Event): FunctionDefinition | undefined {
  const internal = event.data['_inngest'];
  if (internal === null || typeof internal !== 'object' || Array.isArray(internal)) return undefined;
  const target = internal['fn_id'];
  if (typeof target !== 'string') return undefined;
  return ports.catalog.index.findByName(target);
}

function matchTriggers(
  { triggers }: Candidate,
  delivered: JsonObject,
  now: number,
): { kind: 'match' | 'no-match' } | { kind: 'error'; message: string } {
  let failure: string | undefined;
  for (const { condition } of triggers) {
    if (condition === undefined) return { kind: 'match' };
    const result = evaluateBoolean(condition, { event: delivered }, { now });
    if (result.kind === 'true') return { kind: 'match' };
    if (result.kind === 'error') failure ??= result.message;
  }
  return failure === undefined ? { kind: 'no-match' } : { kind: 'error', message: failure };
}
