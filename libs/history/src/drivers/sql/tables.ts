import type { RunStatus, SkipReason } from '@perdure/domain';

import type { EventOutcome } from '../../history.ts';

/**
 * Instants are milliseconds of the epoch: what everything else computes with, exact in both drivers, and free of the
 * session's time zone. JSON columns are read as the text that was stored.
 */
export interface Tables {
  events: EventRow;
  event_outcomes: OutcomeRow;
  runs: RunRow;
  run_events: { event_id: string; run_id: string };
  apps: AppRow;
  functions: FunctionRow;
  function_versions: FunctionVersionRow;
  sweeps: SweepRow;
  run_memos: { run_id: string; memos: string };
  run_metadata: MetadataRow;
  userland_spans: SpanRow;
  registry_revision: { id: number; revision: number };
}

export interface EventRow {
  internal_id: string;
  stream_seq: number;
  env_id: string;
  name: string;
  external_id: string | null;
  ts: number;
  received_at: number;
  data: string;
  user_data: string | null;
  v: string | null;
  meta: string | null;
  /** The time in the ID is more than `STRAY_MS` from the time of receipt. */
  is_stray: boolean;
}

export interface OutcomeRow {
  event_id: string;
  function_id: string;
  kind: EventOutcome['kind'];
  /** Of an event that was buffered: the buffer's ID. */
  run_id: string | null;
  message: string | null;
  at: number;
}

/** Of a run that is only known to have started, all but `run_id`, `status` and `started_at` is null. */
export interface RunRow {
  run_id: string;
  function_id: string | null;
  function_version: number | null;
  app_id: string | null;
  env_id: string | null;
  status: RunStatus;
  skip_reason: SkipReason | null;
  event_ids: string[] | null;
  batch_id: string | null;
  cron: string | null;
  original_run_id: string | null;
  scheduled_at: number | null;
  started_at: number | null;
  ended_at: number | null;
  output: string | null;
  reason: string | null;
}

export interface AppRow {
  env_id: string;
  app_id: string;
  name: string;
  url: string;
  sdk: string;
  framework: string | null;
  app_version: string | null;
  checksum: string;
  synced_at: number;
  error_code: string | null;
  error_message: string | null;
}

export interface FunctionRow {
  env_id: string;
  function_id: string;
  app_id: string;
  slug: string;
  version: number;
  archived_at: number | null;
  state: 'paused' | 'drained' | null;
  overrides: string | null;
  overrides_revision: number | null;
}

export interface FunctionVersionRow {
  env_id: string;
  function_id: string;
  version: number;
  definition: string;
  created_at: number;
}

export interface SweepRow {
  sweep_id: string;
  env_id: string;
  kind: 'cancellation' | 'replay';
  function_id: string;
  spec: string;
  state: 'open' | 'done' | 'stopped';
  cursor: string | null;
  seen: number;
  done: number;
  failed: number;
  created_at: number;
  ended_at: number | null;
}

export interface MetadataRow {
  update_id: string;
  run_id: string;
  target: string;
  kind: string;
  op: 'merge' | 'set' | 'delete' | 'add';
  metadata: string;
  bytes: number;
  at: number;
}

export interface SpanRow {
  trace_id: string;
  span_id: string;
  run_id: string | null;
  span: string;
  received_at: number;
}
