import type { RunId } from '@perdure/domain';
import type { RunHistory } from '@perdure/history';
import type { RunRecord } from '@perdure/store';
import type { Ports } from '../ports.ts';
import { parseRunMeta } from './run-meta.ts';

/** The run as it is now: of history, or, where history has yet to hear of it, of the store. */
export async function findRun(ports: Ports, runId: RunId): Promise<RunHistory | undefined> {
  const row = await ports.history.findRun(runId);
  if (row !== undefined && row.status !== 'Scheduled') return row;
  const live = await ports.store.findRun(runId);
  if (live === undefined) return row;
  return {
    ...liveRow(live),
    ...row,
    status: live.status,
    ...(live.startedAt !== undefined && { startedAt: live.startedAt }),
  };
}

function liveRow(run: RunRecord): RunHistory {
  const { runId, functionId, functionVersion, appId, envId, scheduledAt, status } = run;
  const { eventIds } = parseRunMeta(run.meta);
  return { runId, functionId, functionVersion, appId, envId, scheduledAt, status, eventIds };
}
