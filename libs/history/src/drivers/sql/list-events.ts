import type { EnvId, EpochMs, EventId } from '@perdure/domain';
import type { Kysely } from 'kysely';

import { idsReceivedBetween } from './event-rows.ts';
import type { EventRow, Tables } from './tables.ts';

export interface EventsQuery {
  envId: EnvId;
  name?: string;
  receivedAfter?: EpochMs;
  receivedBefore?: EpochMs;
  before?: EventId;
  eventsMax: number;
}

/**
 * A window of time is looked up as the range of IDs that it bounds, so that a narrow one over a large table reads
 * little; strays, whose IDs tell nothing about their time, are looked up apart.
 */
export async function listEventRows(db: Kysely<Tables>, query: EventsQuery): Promise<EventRow[]> {
  const { receivedAfter, receivedBefore, eventsMax } = query;
  if (receivedAfter === undefined && receivedBefore === undefined) return selectEvents(db, query).execute();
  const { from, until } = idsReceivedBetween(receivedAfter ?? 0, receivedBefore ?? Number.MAX_SAFE_INTEGER);
  const usual = await selectEvents(db, query)
    .where('is_stray', '=', false)
    .where('internal_id', '>=', from)
    .where('internal_id', '<', until)
    .execute();
  const stray = await selectEvents(db, query).where('is_stray', '=', true).execute();
  return [...usual, ...stray].toSorted(newestFirst).slice(0, eventsMax);
}

function selectEvents(db: Kysely<Tables>, query: EventsQuery) {
  const { envId, name, receivedAfter, receivedBefore, before, eventsMax } = query;
  return db
    .selectFrom('events')
    .selectAll()
    .where('env_id', '=', envId)
    .$if(name === undefined, (select) => select.where('name', 'not like', 'inngest/%'))
    .$if(name !== undefined, (select) => select.where('name', '=', name ?? ''))
    .$if(receivedAfter !== undefined, (select) => select.where('received_at', '>', receivedAfter ?? 0))
    .$if(receivedBefore !== undefined, (select) => select.where('received_at', '<', receivedBefore ?? 0))
    .$if(before !== undefined, (select) => select.where('internal_id', '<', before ?? ''))
    .orderBy('internal_id', 'desc')
    .orderBy('stream_seq', 'desc')
    .limit(eventsMax);
}

function newestFirst(a: EventRow, b: EventRow): number {
  if (a.internal_id === b.internal_id) return b.stream_seq - a.stream_seq;
  return a.internal_id < b.internal_id ? 1 : -1;
}
