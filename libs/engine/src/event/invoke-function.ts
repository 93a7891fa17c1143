import { type Event, type EventId, type FunctionSlug, INTERNAL_EVENTS } from '@perdure/domain';
import { asJsonObject, parseJson } from '@perdure/protocol';
import type { Ports } from '../ports.ts';
import { appendEvents } from './receive-events.ts';

export type InvokeResult =
  | { kind: 'accepted'; eventId: EventId }
  | { kind: 'unreadable' }
  | { kind: 'unknown-function' };

/**
 * Starts the function of this slug, whatever its triggers, with the `data` and `user` of the body (sdk-protocol.md 2.6).
 * When it resolves as accepted the event is durable.
 */
export async function invokeFunction(ports: Ports, slug: FunctionSlug, body: string): Promise<InvokeResult> {
  const parsed = parseJson(body);
  const fields = parsed.ok ? asJsonObject(parsed.value) : undefined;
  const data = fields === undefined ? undefined : asJsonObject(fields['data'] ?? {});
  if (fields === undefined || data === undefined) return { kind: 'unreadable' };
  if (ports.catalog.index.findBySlug(slug) === undefined) return { kind: 'unknown-function' };
  const now = ports.clock.now();
  const user = asJsonObject(fields['user'] ?? null);
  const event: Event = {
    internalId: ports.ids.ulid(now),
    receivedAt: now,
    name: INTERNAL_EVENTS.invoked,
    data: { ...data, _inngest: { fn_id: slug } },
    ts: now,
    ...(user !== undefined && { user }),
  };
  await appendEvents(ports, [event]);
  return { kind: 'accepted', eventId: event.internalId };
}
