import type { JsonObject } from '@perdure/domain';

import { HistoryError } from '../../history-error.ts';
import type { EventOutcomeRecord, EventRecord, HistoryBatch } from '../../history.ts';
import { isStray } from './event-rows.ts';
import { type NewRunRow, mergeRows, rowOfRun, rowOfStart } from './run-rows.ts';
import { storableText } from './storable-text.ts';
import type { EventRow, OutcomeRow } from './tables.ts';

/** Beyond these Postgres, and PGlite long before, run out of memory with one row, or with one statement. */
const ROW_CHARS_MAX = 64 * 1024 * 1024;
const STATEMENT_CHARS_MAX = 8 * 1024 * 1024;

const TABLES = ['events', 'outcomes', 'runs'] as const;

/** Rows of one statement as JSON texts, by table, each once and in the order of their keys. */
export type StatementRows = Record<(typeof TABLES)[number], string[]>;

/**
 * The rows of a batch: in one statement, unless they are too large for one. The order of keys is what keeps writers of
 * overlapping batches from waiting for each other in a circle.
 */
export function rowsOfBatch(batch: HistoryBatch): StatementRows[] {
  const rows = {
    events: inKeyOrder(eventRows(batch.events ?? [])),
    outcomes: inKeyOrder(newestOutcomes(batch.outcomes ?? [])),
    runs: inKeyOrder(mergedRuns(batch)),
  };
  const statements: StatementRows[] = [];
  let chars = Infinity;
  for (const table of TABLES) {
    for (const { key, row } of rows[table]) {
      const text = JSON.stringify(row);
      if (text.length > ROW_CHARS_MAX) throw tooLarge(table, key, text.length);
      chars += text.length;
      if (chars > STATEMENT_CHARS_MAX) {
        statements.push({ events: [], outcomes: [], runs: [] });
        chars = text.length;
      }
      statements.at(-1)?.[table].push(text);
    }
  }
  return statements;
}

function tooLarge(table: string, key: string, chars: number): HistoryError {
  const message = `a row of ${table} has ${chars} characters, and at most ${ROW_CHARS_MAX} can be stored`;
  return new HistoryError('HISTORY_REFUSED', message, { table, key, chars });
}

function eventRows(records: EventRecord[]): Map<string, EventRow> {
  const rows = new Map<string, EventRow>();
  for (const { event, envId, streamSeq } of records) {
    rows.set(`${event.internalId} ${streamSeq}`, {
      internal_id: event.internalId,
      stream_seq: streamSeq,
      env_id: envId,
      name: storableText(event.name),
      external_id: storableText(event.id),
      ts: event.ts,
      received_at: event.receivedAt,
      // JSON inside of the JSON that carries the rows is text: as an object it would be refused for an escaped zero
      // character.
      data: JSON.stringify(event.data),
      user_data: jsonOf(event.user),
      v: storableText(event.v),
      meta: jsonOf(event.meta),
      is_stray: isStray(event),
    });
  }
  return rows;
}

function jsonOf(value: JsonObject | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** Of each event and function the newest: a statement must not write a row twice. */
function newestOutcomes(records: EventOutcomeRecord[]): Map<string, OutcomeRow> {
  const rows = new Map<string, OutcomeRow>();
  for (const { eventId, functionId, at, outcome } of records) {
    const key = `${eventId} ${functionId}`;
    const known = rows.get(key);
    if (known !== undefined && known.at >= at) continue;
    rows.set(key, {
      event_id: eventId,
      function_id: functionId,
      kind: outcome.kind,
      run_id: 'runId' in outcome ? outcome.runId : 'bufferId' in outcome ? outcome.bufferId : null,
      message: 'message' in outcome ? storableText(outcome.message) : null,
      at,
    });
  }
  return rows;
}

/** One row a run, starts included. */
function mergedRuns({ runs = [], started = [] }: HistoryBatch): Map<string, NewRunRow> {
  const rows = new Map<string, NewRunRow>();
  for (const row of [...runs.map(rowOfRun), ...started.map(rowOfStart)]) {
    const known = rows.get(row.run_id);
    rows.set(row.run_id, known === undefined ? row : mergeRows(known, row));
  }
  return rows;
}

function inKeyOrder<Row>(rows: Map<string, Row>): { key: string; row: Row }[] {
  return Array.from(rows, ([key, row]) => ({ key, row })).toSorted((a, b) => (a.key < b.key ? -1 : 1));
}
