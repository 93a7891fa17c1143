import {
  type Event,
  type EventId,
  type FunctionDefinition,
  INTERNAL_EVENTS,
  type JsonObject,
  runIdInCell,
} from '@perdure/domain';
import { evaluateBoolean } from '@perdure/expressions';
import type { EventOutcome, EventOutcomeRecord } from '@perdure/history';
import { canonicalJson, toDeliveredEvent } from '@perdure/protocol';
import type { ScheduleResult } from '@perdure/store';
import type { Candidate } from '../function/function-index.ts';
import type { Ports } from '../ports.ts';
import { planRun } from './plan-run.ts';

/** What one event led to. */
export interface Scheduled {
  /** What no run's row tells. */
  outcomes: EventOutcomeRecord[];
  /** Cells in which something was scheduled. */
  cells: number[];
}

/**
 * Starts what one event starts: a run of each matching function (execution.md 2.2 to 2.6). Safe to repeat: functions
 * that were served before answer with the run they have.
 *
 * `onlyCell`: leave functions of other cells alone, for a cell that lost something.
 *
 * Problems of the user's making (an expression that fails) end the matter for that function and are recorded; only what
 * the platform failed at is thrown, so that the event is delivered again.
 */
export async function scheduleRuns(ports: Ports, event: Event, onlyCell?: number): Promise<Scheduled> {
  const delivered = toDeliveredEvent(event);
  const { index } = ports.catalog;
  const { fns: matching, failures } = matchFunctions(ports, event, delivered);
  const fns = onlyCell === undefined ? matching : matching.filter((fn) => index.cellOf(fn.id) === onlyCell);
  if (fns.length === 0) return { outcomes: failures, cells: [] };
  const eventsJson = `[${canonicalJson(delivered)}]`;
  const now = ports.clock.now();
  const cells = fns.map((fn) => index.cellOf(fn.id));
  const outcomes = await Promise.all(
    fns.map(async (fn, i) => {
      const runId = runIdInCell(ports.ids.ulid(now), cells[i] ?? 0);
      const result = await ports.store.schedule(planRun({ fn, event, delivered, eventsJson, runId, now }));
      return outcomeOf(result);
    }),
  );
  const records = outcomes.flatMap((outcome, i) => record(event.internalId, fns[i], outcome, now));
  return { outcomes: [...failures, ...records], cells };
}

function record(
  eventId: EventId,
  fn: FunctionDefinition | undefined,
  outcome: EventOutcome | undefined,
  at: number,
): EventOutcomeRecord[] {
  return fn === undefined || outcome === undefined ? [] : [{ eventId, functionId: fn.id, at, outcome }];
}

function outcomeOf(result: ScheduleResult): EventOutcome | undefined {
  switch (result.kind) {
    case 'created':
    case 'exists':
    case 'skipped':
      return undefined; // The run's own row tells.
    case 'duplicate':
      return { kind: result.by === 'event' ? 'duplicate' : 'idempotent', runId: result.runId };
    case 'rate-limited':
      return { kind: 'rate_limited' };
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
  const invoked = event.name === INTERNAL_EVENTS.invoked ? invokedFunction(ports, event) : undefined;
  if (invoked) fns.push(invoked);
  for (const candidate of index.candidates(event.name)) {
    if (candidate.fn === invoked) continue;
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

/** An invocation starts its target whatever the target's triggers say. */
function invokedFunction(ports: Ports, event: Event): FunctionDefinition | undefined {
  const internal = event.data['_inngest'];
  if (internal === null || typeof internal !== 'object' || Array.isArray(internal)) return undefined;
  const target = internal['fn_id'];
  if (typeof target !== 'string') return undefined;
  const { index } = ports.catalog;
  return index.findBySlug(target) ?? index.active().find((fn) => fn.id === target);
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
