import { encodeUlid, isUlid, ulidTimeMs, type EpochMs, type Event, type JsonObject } from '@perdure/domain';

import type { EventOutcome, EventOutcomeRecord, EventRecord } from '../../history.ts';
import type { EventRow, OutcomeRow } from './tables.ts';

/** IDs made at receipt carry its time to the millisecond; senders that seed them have clocks of their own. */
const STRAY_MS = 3_600_000;

export function isStray({ internalId, receivedAt }: Event): boolean {
  return !isUlid(internalId) || Math.abs(ulidTimeMs(internalId) - receivedAt) > STRAY_MS;
}

/** Below these are no IDs of events received after `receivedAfter`, and no IDs above of those received before; strays aside. */
export function idsReceivedBetween(receivedAfter: EpochMs, receivedBefore: EpochMs): { from: string; until: string } {
  return { from: firstUlidOf(receivedAfter - STRAY_MS), until: firstUlidOf(receivedBefore + STRAY_MS + 1) };
}

/** Events wait for no longer to be handled: then the stream has dropped them. */
const EVENT_AGE_MAX_MS = 7 * 86_400_000;

/** Below these are no IDs of runs scheduled from `from` on, and none above of those before `until`: their time is that of their event. */
export function runIdsScheduledBetween(from: EpochMs, until: EpochMs): { from: string; until: string } {
  return { from: firstUlidOf(from - EVENT_AGE_MAX_MS), until: firstUlidOf(until + STRAY_MS) };
}

const ULID_MS_MAX = 2 ** 48 - 1;

export function firstUlidOf(at: EpochMs): string {
  return encodeUlid(Math.min(ULID_MS_MAX, Math.max(0, Math.floor(at))), new Uint8Array(10));
}

export function eventOfRow(row: EventRow): EventRecord {
  return {
    envId: row.env_id,
    streamSeq: row.stream_seq,
    event: {
      internalId: row.internal_id,
      receivedAt: row.received_at,
      name: row.name,
      data: parseObject(row.data),
      ts: row.ts,
      ...(row.external_id !== null && { id: row.external_id }),
      ...(row.user_data !== null && { user: parseObject(row.user_data) }),
      ...(row.v !== null && { v: row.v }),
      ...(row.meta !== null && { meta: parseObject(row.meta) }),
    },
  };
}

/** What `recordBatch` stored. */
function parseObject(json: string): JsonObject {
  return JSON.parse(json);
}

export function outcomeOfRow(row: OutcomeRow): EventOutcomeRecord {
  return { eventId: row.event_id, functionId: row.function_id, at: row.at, outcome: readOutcome(row) };
}

function readOutcome({ kind, run_id, message }: OutcomeRow): EventOutcome {
  switch (kind) {
    case 'duplicate':
    case 'idempotent':
      return { kind, runId: run_id ?? '' };
    case 'expression_error':
    case 'schedule_failed':
      return { kind, message: message ?? '' };
    case 'rate_limited':
      return { kind };
    case 'debounced':
    case 'batched':
      return { kind, bufferId: run_id ?? '' };
  }
}
