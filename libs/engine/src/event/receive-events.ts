import { parseEventRequest, toStoredEvent, seededEventIds, type EventRequestResult } from '@perdure/protocol';
import type { Event, EventId } from '@perdure/domain';
import type { SpanAttributes } from '@perdure/telemetry';
import type { Ports } from '../ports.ts';

export type ReceiveResult =
  | { kind: 'accepted'; ids: EventId[] }
  /** `ids` are those of the events before the bad one, which were accepted. */
  | { kind: 'rejected'; ids: EventId[]; message: string; field?: string };

/**
 * Takes a request of events in: checks it, gives each event its ID, appends them to the stream. When this resolves the
 * events are durable; when it throws none was acknowledged and the sender should try again (sdk-protocol.md 2).
 */
export async function receiveEvents(
  ports: Ports,
  request: { body: string; contentType?: string; seed?: string; traceparent?: string },
): Promise<ReceiveResult> {
  const { metrics, tracer } = ports.telemetry;
  const now = ports.clock.now();
  const span = tracer?.start('POST /e', { parent: request.traceparent, attributes: { 'http.request.method': 'POST' } });
  const parsed = parseEventRequest(request.body, {
    now,
    eventId: eventIds(ports, request.seed, now),
    eventBytesMax: ports.settings.eventBytesMax,
    ...(request.contentType !== undefined && { contentType: request.contentType }),
  });
  span?.set(requestAttributes(parsed.events));
  try {
    await appendEvents(ports, parsed.events, span?.traceparent);
  } catch (error) {
    metrics.eventRequestsRejected.add(1, 'unavailable');
    span?.end(error);
    throw error;
  }
  if (parsed.kind === 'rejected') metrics.eventRequestsRejected.add(1, 'invalid');
  span?.set({ 'http.response.status_code': parsed.kind === 'accepted' ? 200 : 400 });
  span?.end();
  return answer(parsed);
}

function requestAttributes(events: Event[]): SpanAttributes {
  const [first] = events;
  return { 'perdure.events': events.length, ...(first && { 'perdure.event_id': first.internalId }) };
}

function eventIds(ports: Ports, seed: string | undefined, now: number): (index: number) => EventId {
  const seeded = seed === undefined ? undefined : seededEventIds(seed);
  return seeded ?? (() => ports.ids.ulid(now));
}

/**
 * Appends events from outside. A sender that repeats a seeded request gives its events the IDs they had, and each receipt
 * is stored all the same (http-api.md 2.1); so what the stream recognises repeats by is the receipt. That a repeat starts
 * no run is seen to where runs are scheduled.
 */
export async function appendEvents(ports: Ports, events: Event[], trace?: string): Promise<void> {
  if (events.length === 0) return;
  const receipt = ports.ids.token();
  await ports.stream.append(
    events.map((event) => ({
      id: `${event.internalId}.${receipt}`,
      topic: 'events',
      body: toStoredEvent(event, trace),
    })),
  );
  ports.telemetry.metrics.eventsReceived.add(events.length);
}

function answer(parsed: EventRequestResult): ReceiveResult {
  const ids = parsed.events.map((event) => event.internalId);
  if (parsed.kind === 'accepted') return { kind: 'accepted', ids };
  const { message, field } = parsed;
  return { kind: 'rejected', ids, message, ...(field !== undefined && { field }) };
}
