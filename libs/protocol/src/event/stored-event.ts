import { assert, type Event } from '@perdure/domain';

/** An event as the stream has it. `trace`: the `traceparent` of what sent it, where that is traced. */
export type StoredEvent = Event & { trace?: string };

/** The event as a message of the event stream: JSON, read back by `parseStoredEvent`. */
export function toStoredEvent(event: Event, trace?: string): string {
  return JSON.stringify(trace === undefined ? event : { ...event, trace });
}

/** The event of a message. Throws when the text was not written by `toStoredEvent`. */
export function parseStoredEvent(body: string): StoredEvent {
  const event = JSON.parse(body) as StoredEvent;
  assert(
    typeof event === 'object' &&
      event !== null &&
      typeof event.internalId === 'string' &&
      typeof event.name === 'string',
    'a stored event must have an ID and a name',
  );
  assert(Number.isFinite(event.ts) && Number.isFinite(event.receivedAt), 'a stored event must have its instants');
  assert(typeof event.data === 'object' && event.data !== null, 'a stored event must have data');
  return event;
}
