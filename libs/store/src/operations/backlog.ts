import { change, field, isSet, type Doc } from './docs.ts';
import { backlogKey } from './keys.ts';
import type { Op } from './op.ts';

/*
 * Runs that have not started, of functions that have a limit for them (`bmax`) only: for the others the set would cost
 * each run two commands. Field `bl` of the run: it is in the set.
 */

export function joinBacklog(op: Op, runId: string, run: Doc): void {
  op.tx.sadd(backlogKey(field(run, 'fn')), runId);
  change(run, 'bl', '1');
}

/** The run started, or ends without having been. */
export function leaveBacklog(op: Op, runId: string, run: Doc): void {
  if (!isSet(run, 'bl')) return;
  op.tx.srem(backlogKey(field(run, 'fn')), runId);
  change(run, 'bl', '');
}
