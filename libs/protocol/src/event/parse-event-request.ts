import {
  type EpochMs,
  type Event,
  type EventId,
  EVENT_NAME_MAX,
  EVENT_TS_MAX,
  EVENT_TS_MIN,
  EVENTS_PER_REQUEST_MAX,
  INTERNAL_EVENT_PREFIX,
  type JsonObject,
  type JsonValue,
} from '@perdure/domain';
import { isLargerThan } from '../json/json-bytes.ts';
import { asJsonObject, jsonTypeOf, parseJson } from '../json/parse-json.ts';
import { checkEventMeta } from './check-event-meta.ts';

export interface EventRequestOptions {
  now: EpochMs;
  /** The ID of the event at this index of the request, from 0. Asked for once for each accepted event, in order. */
  eventId: (index: number) => EventId;
  eventBytesMax: number;
  contentType?: string;
}

export type EventRequestResult =
  | { kind: 'accepted'; events: Event[] }
  /** `events` are those before the bad one: they are accepted all the same, later ones are not (http-api.md 2.1). */
  | {
      kind: 'rejected';
      events: Event[];
      status: 400;
      message: string;
      /** What is wrong, such as `data` or `[2].ts`; absent when it is the body as a whole. */
      field?: string;
    };

/** What is wrong with one event. */
export interface EventProblem {
  field?: string;
  message: string;
}

const NOT_EVENTS = 'Request body must contain an event object or an array of event objects';
const FORM = /^\s*(application\/x-www-form-urlencoded|multipart\/form-data)/i;

/**
 * Reads the body of `POST /e/{key}`: one event object or an array of them, whatever the content type says. `null` counts
 * as absent, unknown fields are dropped, `data._inngest` is removed. An empty body or array holds no events, which is
 * no error. The texts are those of http-api.md 2.1.
 */
export function parseEventRequest(body: string | Buffer, options: EventRequestOptions): EventRequestResult {
  const text = typeof body === 'string' ? body : body.toString('utf8');
  const start = text.trimStart();
  if (start === '') return { kind: 'accepted', events: [] };
  const looksLikeEvents = start.startsWith('{') || start.startsWith('[');
  if (!looksLikeEvents) return reject([], { message: notEvents(options.contentType) });
  const parsed = parseJson(text);
  if (!parsed.ok) return reject([], { message: `${NOT_EVENTS}: ${parsed.message}` });
  const isArray = Array.isArray(parsed.value);
  const items = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  if (items.length > EVENTS_PER_REQUEST_MAX) {
    return reject([], { message: `Cannot have more than ${EVENTS_PER_REQUEST_MAX} events in a batch` });
  }
  return readEvents(items, { ...options, isArray, mayBeTooLarge: isLargerThan(text, options.eventBytesMax) });
}

function notEvents(contentType: string | undefined): string {
  return contentType !== undefined && FORM.test(contentType) ? `${NOT_EVENTS}; form bodies are not read` : NOT_EVENTS;
}

function readEvents(
  items: JsonValue[],
  options: EventRequestOptions & { isArray: boolean; mayBeTooLarge: boolean },
): EventRequestResult {
  const events: Event[] = [];
  for (const [index, item] of items.entries()) {
    const problem = (options.mayBeTooLarge ? checkSize(item, options.eventBytesMax) : undefined) ?? checkEvent(item);
    if (problem) return reject(events, options.isArray ? atIndex(problem, index) : problem);
    events.push(toEvent(item as JsonObject, options.eventId(index), options.now));
  }
  return { kind: 'accepted', events };
}

function reject(events: Event[], { message, field }: EventProblem): EventRequestResult {
  return { kind: 'rejected', events, status: 400, message, ...(field !== undefined && { field }) };
}

function atIndex(problem: EventProblem, index: number): EventProblem {
  return { ...problem, field: problem.field === undefined ? `[${index}]` : `[${index}].${problem.field}` };
}

function checkSize(item: JsonValue, bytesMax: number): EventProblem | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(item));
  if (bytes <= bytesMax) return undefined;
  return { message: `Event is over the max size: Max ${bytesMax} bytes / Size ${bytes} bytes` };
}

function checkEvent(item: JsonValue): EventProblem | undefined {
  const event = asJsonObject(item);
  if (event === undefined) return { message: NOT_EVENTS };
  return (
    checkName(event['name']) ??
    checkType(event, 'data', 'object') ??
    checkType(event, 'id', 'string') ??
    checkTimestamp(event['ts']) ??
    checkType(event, 'user', 'object') ??
    checkType(event, 'v', 'string') ??
    checkEventMeta(event['meta'])
  );
}

function checkName(name: JsonValue | undefined): EventProblem | undefined {
  const field = 'name';
  if (name === undefined || name === null || name === '') return { field, message: 'event name is empty' };
  if (typeof name !== 'string') return { field, message: `event name must be a string, not ${jsonTypeOf(name)}` };
  if (name.slice(0, INTERNAL_EVENT_PREFIX.length).toLowerCase() === INTERNAL_EVENT_PREFIX) {
    return { field, message: `event name is reserved for internal use: ${name}` };
  }
  if (isLargerThan(name, EVENT_NAME_MAX))
    return { field, message: `event name is longer than ${EVENT_NAME_MAX} bytes` };
  return undefined;
}

function checkType(event: JsonObject, field: string, type: 'object' | 'string'): EventProblem | undefined {
  const value = event[field];
  if (value === undefined || value === null) return undefined;
  if (type === 'object' ? asJsonObject(value) !== undefined : typeof value === type) return undefined;
  return {
    field,
    message: `event ${field} must be ${type === 'object' ? 'an object' : 'a string'}, not ${jsonTypeOf(value)}`,
  };
}

function checkTimestamp(ts: JsonValue | undefined): EventProblem | undefined {
  const field = 'ts';
  if (ts === undefined || ts === null || ts === 0) return undefined;
  if (typeof ts !== 'number' || !Number.isInteger(ts)) {
    return { field, message: 'event ts must be an integer: milliseconds since Jan 1, 1970' };
  }
  if (ts < EVENT_TS_MIN) return { field, message: 'timestamp is before Jan 1, 1980' };
  if (ts >= EVENT_TS_MAX) return { field, message: 'timestamp is after Jan 1, 2100' };
  return undefined;
}

/** The event of an object that was checked. */
function toEvent(item: JsonObject, internalId: EventId, now: EpochMs): Event {
  const { name, id, data, ts, user, v, meta } = item;
  return {
    internalId,
    receivedAt: now,
    name: name as string,
    ...(typeof id === 'string' && id !== '' && { id }),
    data: withoutInternals(asJsonObject(data) ?? {}),
    ts: typeof ts === 'number' && ts !== 0 ? ts : now,
    ...(isPresent(user) && { user: user as JsonObject }),
    ...(typeof v === 'string' && { v }),
    ...(isPresent(meta) && { meta: meta as JsonObject }),
  };
}

function isPresent(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null;
}

/** `_inngest` carries what the platform itself says of an event: nobody outside may. */
function withoutInternals(data: JsonObject): JsonObject {
  if (!Object.hasOwn(data, '_inngest')) return data;
  const { _inngest: _, ...rest } = data;
  return rest;
}
