import type { RunId } from '@perdure/domain';
import { sql, type Kysely } from 'kysely';

import type { MetadataRecord, SpanRecord } from '../../history.ts';
import { storableText } from './storable-text.ts';
import type { MetadataRow, SpanRow, Tables } from './tables.ts';

/** Rows of one statement: they have few columns. */
const ROWS_MAX = 500;

/** What applications tell of their runs beside the steps. In the order of keys, as all rows of a batch. */
export async function recordMetadata(db: Kysely<Tables>, records: MetadataRecord[]): Promise<void> {
  const rows = byKey(records.map(rowOfMetadata), (row) => row.update_id);
  for (const page of pages(rows)) {
    await db
      .insertInto('run_metadata')
      .values(page)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

export async function recordSpans(db: Kysely<Tables>, records: SpanRecord[]): Promise<void> {
  const rows = byKey(records.map(rowOfSpan), (row) => `${row.trace_id} ${row.span_id}`);
  for (const page of pages(rows)) {
    await db
      .insertInto('userland_spans')
      .values(page)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

export async function listMetadata(db: Kysely<Tables>, runId: RunId): Promise<MetadataRecord[]> {
  const rows = await db
    .selectFrom('run_metadata')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('update_id')
    .execute();
  return rows.map((row) => ({
    id: row.update_id,
    runId: row.run_id,
    target: JSON.parse(row.target),
    kind: row.kind,
    op: row.op,
    values: JSON.parse(row.metadata),
    at: row.at,
  }));
}

export async function countMetadataBytes(db: Kysely<Tables>, runId: RunId): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    select coalesce(sum(bytes), 0)::bigint as bytes from run_metadata where run_id = ${runId}`.execute(db);
  return rows[0]?.bytes ?? 0;
}

export async function listSpans(db: Kysely<Tables>, runId: RunId): Promise<SpanRecord[]> {
  const rows = await db
    .selectFrom('userland_spans')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('span_id')
    .execute();
  return rows.map((row) => ({
    traceId: row.trace_id,
    spanId: row.span_id,
    ...(row.run_id !== null && { runId: row.run_id }),
    span: JSON.parse(row.span),
    receivedAt: row.received_at,
  }));
}

function rowOfMetadata(record: MetadataRecord): MetadataRow {
  const metadata = JSON.stringify(record.values);
  return {
    update_id: record.id,
    run_id: record.runId,
    target: JSON.stringify(record.target),
    kind: storableText(record.kind),
    op: record.op,
    metadata,
    bytes: Buffer.byteLength(metadata),
    at: record.at,
  };
}

function rowOfSpan(record: SpanRecord): SpanRow {
  return {
    trace_id: record.traceId,
    span_id: record.spanId,
    run_id: record.runId ?? null,
    span: JSON.stringify(record.span),
    received_at: record.receivedAt,
  };
}

/** Each once, in order. */
function byKey<Row>(rows: Row[], keyOf: (row: Row) => string): Row[] {
  const kept = new Map(rows.map((row) => [keyOf(row), row]));
  return [...kept].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

function pages<Row>(rows: Row[]): Row[][] {
  return Array.from({ length: Math.ceil(rows.length / ROWS_MAX) }, (_, i) =>
    rows.slice(i * ROWS_MAX, (i + 1) * ROWS_MAX),
  );
}
