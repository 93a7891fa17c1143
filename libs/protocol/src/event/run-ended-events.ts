import {
  type EndStatus,
  type EpochMs,
  type Event,
  type FunctionSlug,
  INTERNAL_EVENTS,
  type JsonObject,
  type JsonValue,
  type RunId,
} from '@perdure/domain';
import { functionErrorOf } from '../answer/sdk-error.ts';
import type { SdkError } from '../answer/sdk-answer.ts';
import { derivedUlid } from '../ids/request-id.ts';
import { asJsonObject, parseJson } from '../json/parse-json.ts';

export interface EndedRun {
  runId: RunId;
  slug: FunctionSlug;
  status: EndStatus;
  endedAt: EpochMs;
  /** JSON array of the events the run was called with. */
  events: string;
  /** JSON: what a completed run returned, the error body of a failed one. */
  output?: string;
  /** Correlation IDs of invokes that wait for the run, besides those of its events. */
  callers?: readonly string[];
}

/** A run's parts, parsed once for all its events. */
interface Ending {
  run: EndedRun;
  events: JsonObject[];
  output: JsonValue | undefined;
}

/**
 * The events that tell the end of a run (sdk-protocol.md 8.2 to 8.4): finished, and failed or cancelled when it was. Of a
 * batch, each further event that an invoke waits behind has a finished event of its own, and so has each invoke whose event was dropped
 * for a later one. IDs are derived from the run, so
 * that telling it twice tells it once. Runs that were themselves triggered by such events tell nothing: the caller's matter.
 */
export function runEndedEvents(run: EndedRun): Event[] {
  const ending = readEnding(run);
  const others = ending.events.flatMap((event, index) =>
    index > 0 && correlationIdOf(event) !== undefined ? [finishedEvent(ending, index)] : [],
  );
  const callers = (run.callers ?? []).map((caller) => finishedEvent(ending, 0, caller));
  const finished = [finishedEvent(ending, 0), ...others, ...callers];
  if (run.status === 'Failed') return [...finished, notice(ending, INTERNAL_EVENTS.failed)];
  if (run.status === 'Cancelled') return [...finished, notice(ending, INTERNAL_EVENTS.cancelled)];
  return finished;
}

/** The invoke that waits for a run of this delivered event. */
export function correlationIdOf(event: { name?: unknown; data?: JsonValue }): string | undefined {
  if (event.name !== INTERNAL_EVENTS.invoked) return undefined;
  const id = asJsonObject(asJsonObject(event.data)?.['_inngest'])?.['correlation_id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/** What a failed run's output tells of its error: the function's own, or the platform's `{"error":{...}}`. */
export function runErrorOf(output: JsonValue | undefined): SdkError {
  const body = output ?? null;
  const object = asJsonObject(body);
  const wrapped = typeof object?.['message'] === 'string' ? undefined : asJsonObject(object?.['error']);
  return functionErrorOf(wrapped ?? body);
}

function readEnding(run: EndedRun): Ending {
  const events = parseJson(run.events);
  const output = run.output === undefined ? undefined : parseJson(run.output);
  return {
    run,
    events: events.ok && Array.isArray(events.value) ? events.value.map((event) => asJsonObject(event) ?? {}) : [],
    output: output === undefined ? undefined : output.ok ? output.value : (run.output ?? null),
  };
}

/** `caller`: told to this invoke, instead of the one that the event is of. */
function finishedEvent(ending: Ending, index: number, caller?: string): Event {
  const { run, events } = ending;
  const correlationId = caller ?? correlationIdOf(events[index] ?? {});
  return {
    ...base(ending, INTERNAL_EVENTS.finished, index, caller),
    data: {
      ...dataOf(ending, index),
      ...(correlationId !== undefined && { correlation_id: correlationId }),
      _inngest: { status: run.status },
    },
  };
}

/** Failed, cancelled: the user's ID is the run's, so that handlers run once whatever is delivered twice. */
function notice(ending: Ending, name: string): Event {
  const { run } = ending;
  return { ...base(ending, name, 0), id: run.runId, data: { ...dataOf(ending, 0), _inngest: { status: run.status } } };
}

function base({ run, events }: Ending, name: string, index: number, caller?: string): Omit<Event, 'data'> {
  const meta = asJsonObject(events[index]?.['meta']);
  return {
    internalId: derivedUlid(run.endedAt, name, run.runId, caller ?? String(index)),
    receivedAt: run.endedAt,
    name,
    ts: run.endedAt,
    ...(meta !== undefined && { meta }),
  };
}

function dataOf({ run, events, output }: Ending, index: number): JsonObject {
  return {
    function_id: run.slug,
    run_id: run.runId,
    event: events[index] ?? {},
    events: events.map(withoutEmptyUser),
    ...(run.status !== 'Cancelled' && { result: output ?? null }),
    ...(run.status === 'Failed' && { error: labelled(runErrorOf(output)) }),
  };
}

/** `error` is a free label beside name and message, which SDKs make their error of. */
function labelled(error: SdkError): JsonObject {
  const { name, message, stack, cause } = error;
  const label = error['error'];
  return {
    error: typeof label === 'string' ? label : name,
    name,
    message,
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && { cause }),
  };
}

function withoutEmptyUser(event: JsonObject): JsonObject {
  const user = asJsonObject(event['user']);
  if (user === undefined || Object.keys(user).length > 0) return event;
  const { user: _, ...rest } = event;
  return rest;
}
