import type { JsonObject } from '@perdure/domain';

import type { EventOutcome, EventOutcomeRecord, EventRecord } from '../../history.ts';
import type { EventRow, OutcomeRow } from './tables.ts';

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
  }
}
