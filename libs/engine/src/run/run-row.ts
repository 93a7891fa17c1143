import type { RunHistory } from '@perdure/history';
import type { RunRecord } from '@perdure/store';
import { parseRunMeta } from './run-meta.ts';

/** A run of the store as history keeps it; `more` says what its record does not. */
export function runRow(run: RunRecord, more: Partial<RunHistory> & Pick<RunHistory, 'status'>): RunHistory {
  const { eventIds, batchId, cron, originalRunId } = parseRunMeta(run.meta);
  return {
    runId: run.runId,
    functionId: run.functionId,
    functionVersion: run.functionVersion,
    appId: run.appId,
    envId: run.envId,
    eventIds,
    ...(batchId !== undefined && { batchId }),
    ...(cron !== undefined && { cron }),
    ...(originalRunId !== undefined && { originalRunId }),
    scheduledAt: run.scheduledAt,
    ...(run.startedAt !== undefined && { startedAt: run.startedAt }),
    ...more,
  };
}
