import type { RunId } from '@perdure/domain';
import type { RunHistory } from '@perdure/history';
import type { Ports } from '../ports.ts';
import { runRow } from './run-row.ts';

/** The run as it is now: of history, or, where history has yet to hear of it, of the store. */
export async function findRun(ports: Ports, runId: RunId): Promise<RunHistory | undefined> {
  const row = await ports.history.findRun(runId);
  if (row !== undefined && row.status !== 'Scheduled') return row;
  const live = await ports.store.findRun(runId);
  if (live === undefined) return row;
  return { ...runRow(live, { status: live.status }), ...row, status: live.status };
}
