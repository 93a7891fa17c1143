import { isEnded, type EpochMs, type RunId, type RunStatus } from '@perdure/domain';

import type { RunHistory } from '../../history.ts';
import { storableText } from './storable-text.ts';
import type { RunRow } from './tables.ts';

/** A run on its way into the database: what it came to goes to a table of its own. */
export interface NewRunRow extends RunRow {
  memos: string | null;
}

export function rowOfRun(run: RunHistory): NewRunRow {
  return {
    run_id: run.runId,
    function_id: run.functionId,
    function_version: run.functionVersion,
    app_id: run.appId,
    env_id: run.envId,
    status: run.status,
    skip_reason: run.skipReason ?? null,
    event_ids: run.eventIds,
    batch_id: run.batchId ?? null,
    cron: storableText(run.cron),
    original_run_id: run.originalRunId ?? null,
    scheduled_at: run.scheduledAt,
    started_at: run.startedAt ?? null,
    ended_at: run.endedAt ?? null,
    output: storableText(run.output),
    reason: storableText(run.reason),
    memos: storableText(run.memos),
  };
}

/** All that is known of a run of which only the start was recorded. */
export function rowOfStart({ runId, at }: { runId: RunId; at: EpochMs }): NewRunRow {
  return {
    run_id: runId,
    function_id: null,
    function_version: null,
    app_id: null,
    env_id: null,
    status: 'Running',
    skip_reason: null,
    event_ids: null,
    batch_id: null,
    cron: null,
    original_run_id: null,
    scheduled_at: null,
    started_at: at,
    ended_at: null,
    output: null,
    reason: null,
    memos: null,
  };
}

/** Undefined while only the start of the run is known. */
export function runOfRow(row: RunRow): RunHistory | undefined {
  const { function_id, function_version, app_id, env_id, event_ids, scheduled_at } = row;
  if (function_id === null || function_version === null || app_id === null || env_id === null) return undefined;
  if (event_ids === null || scheduled_at === null) return undefined;
  return {
    runId: row.run_id,
    functionId: function_id,
    functionVersion: function_version,
    appId: app_id,
    envId: env_id,
    status: row.status,
    eventIds: event_ids,
    scheduledAt: scheduled_at,
    ...(row.skip_reason !== null && { skipReason: row.skip_reason }),
    ...(row.batch_id !== null && { batchId: row.batch_id }),
    ...(row.cron !== null && { cron: row.cron }),
    ...(row.original_run_id !== null && { originalRunId: row.original_run_id }),
    ...(row.started_at !== null && { startedAt: row.started_at }),
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    ...(row.output !== null && { output: row.output }),
    ...(row.reason !== null && { reason: row.reason }),
  };
}

/**
 * What two records of one run tell together: the one that is further along wins, the earlier one of two that are
 * equally far; the other fills what the winner leaves open. The earliest start counts. `upsertRuns` does the same in SQL
 * for rows that are stored already.
 */
export function mergeRows(earlier: NewRunRow, later: NewRunRow): NewRunRow {
  const [winner, other] = progress(later.status) > progress(earlier.status) ? [later, earlier] : [earlier, later];
  const known = Object.entries(winner).filter(([, value]) => value !== null);
  const starts = [earlier.started_at, later.started_at].filter((at) => at !== null);
  return { ...other, ...Object.fromEntries(known), started_at: starts.length === 0 ? null : Math.min(...starts) };
}

/** Statuses only move up: terminal ones never change (execution.md 1.4, 2.9). */
function progress(status: RunStatus): number {
  if (status === 'Scheduled') return 0;
  return isEnded(status) ? 2 : 1;
}
