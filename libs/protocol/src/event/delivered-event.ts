import type { Event, JsonObject } from '@perdure/domain';
import { canonicalJson } from '../json/canonical-json.ts';

/**
 * The event as functions and expressions see it (sdk-protocol.md 6.3): `id` is the sender's when there is one, `user` is
 * always an object. Keys are in canonical order.
 */
export function toDeliveredEvent(event: Event): JsonObject {
  return {
    data: event.data,
    id: event.id ?? event.internalId,
    ...(event.meta !== undefined && { meta: event.meta }),
    name: event.name,
    ts: event.ts,
    user: event.user ?? {},
    ...(event.v !== undefined && { v: event.v }),
  };
}

/** The events of a run as it is called with them: a canonical JSON array. */
export function deliveredEventsJson(events: Event[]): string {
  return `[${events.map((event) => canonicalJson(toDeliveredEvent(event))).join(',')}]`;
}
