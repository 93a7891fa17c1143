import { type EpochMs, type EventId, isUlid, parseInstant } from '@perdure/domain';

export interface EventQuery {
  name?: string;
  receivedAfter: EpochMs;
  receivedBefore?: EpochMs;
  before?: EventId;
  eventsMax: number;
}

const EVENTS_DEFAULT = 20;
const EVENTS_MAX = 100;
const HOUR_MS = 3_600_000;

/** The query of `GET /v1/events` (http-api.md 2.5); by default the last hour is listed. */
export function parseEventQuery(
  query: Record<string, string | undefined>,
  now: EpochMs,
): { ok: true; query: EventQuery } | { ok: false; message: string } {
  const { name, limit, cursor, received_after: after, received_before: before } = query;
  const eventsMax = limit === undefined || limit === '' ? EVENTS_DEFAULT : Number(limit);
  if (!Number.isInteger(eventsMax) || eventsMax < 1) return bad('limit', 'a whole number from 1', limit);
  const receivedAfter = after === undefined ? now - HOUR_MS : parseInstant(after);
  if (receivedAfter === undefined) return bad('received_after', 'an RFC 3339 instant', after);
  const receivedBefore = before === undefined ? undefined : parseInstant(before);
  if (before !== undefined && receivedBefore === undefined)
    return bad('received_before', 'an RFC 3339 instant', before);
  if (cursor !== undefined && cursor !== '' && !isUlid(cursor))
    return bad('cursor', 'the internal ID of an event', cursor);
  return {
    ok: true,
    query: {
      receivedAfter,
      eventsMax: Math.min(eventsMax, EVENTS_MAX),
      ...(name !== undefined && name !== '' && { name }),
      ...(receivedBefore !== undefined && { receivedBefore }),
      ...(cursor !== undefined && cursor !== '' && { before: cursor }),
    },
  };
}

function bad(field: string, expected: string, found: string | undefined): { ok: false; message: string } {
  return { ok: false, message: `${field}: expected ${expected}, found "${found ?? ''}"` };
}
