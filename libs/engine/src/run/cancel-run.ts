import type { RunId } from '@perdure/domain';
import { hintOfCell } from '../hints/cell-hints.ts';
import type { Ports } from '../ports.ts';

/** Ends the run as Cancelled. Repeating it, and cancelling a run that has ended, changes nothing (execution.md 4.9). */
export async function cancelRun(ports: Ports, runId: RunId): Promise<'cancelled' | 'ended' | 'unknown'> {
  const run = await ports.store.findRun(runId);
  const result = await ports.store.finalize({ runId, status: 'Cancelled', reason: 'api' });
  if (result === 'finalized') {
    hintOfCell(ports, 'outbox-filled', runId);
    hintOfCell(ports, 'jobs-ready', runId);
    ports.log.info('a run was cancelled', { runId, functionId: run?.functionId, reason: 'api' });
    return 'cancelled';
  }
  const row = await ports.history.findRun(runId);
  if (row === undefined) return 'unknown';
  // Gone from the store: it ended, even if history has yet to hear of it.
  return 'ended';
}
