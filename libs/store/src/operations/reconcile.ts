import { reconcileBuffer } from './buffers.ts';
import { AUDIT_LOOKS_MAX, RECONCILE_LOOKS_MAX, TIMERS_PAGE } from './bounds.ts';
import { BUFFERS, DUE, FUNCTIONS, LANES, LEASES, PARKED, PAUSES, RUNS } from './keys.ts';
import { int, whole } from './numbers.ts';
import { startOp } from './op.ts';
import { reconcileFunction } from './reconcile-function.ts';
import { reconcileLane } from './reconcile-lane.ts';
import { reconcilePause } from './reconcile-pause.ts';
import { reconcileRun } from './reconcile-run.ts';
import { reconcileDue, reconcileLease, reconcileParked } from './reconcile-timers.ts';
import { newRepair, type Repair } from './repair.ts';
import type { Tx } from './tx.ts';

/*
 * Whatever there is, is found through one of five lists, which an operation writes first and leaves last: live runs,
 * pauses, buffers, records of lanes, functions. They and the timers are paged through one after the other:
 *
 *   pauses: of ended runs, without timeout, not indexed     fns: holders of counters; functions and accounts to be served
 *   due, lease: entries without their job                   runs: lost jobs, jobs in the wrong place, what the run counts
 *   lanes: holders; runnable, parked or neither             parked: entries without reason
 *   buffers: those without timer, record or events
 *
 * What is right is left as it is, so it may be done at any time. What comes meanwhile is right, or comes later.
 */
const LISTS = [BUFFERS, PAUSES, DUE, LEASES, LANES, FUNCTIONS, RUNS, PARKED];

const FIRST_PAGE = '0.';

export interface AuditArgs {
  cursor?: string;
  entriesMax: number;
}

export interface AuditResult {
  problems: string[];
  cursor?: string;
}

export interface ReconcileArgs {
  /** `<index of the list>.<score>`: where the page before ended. */
  cursor?: string;
  runsMax: number;
}

export interface ReconcileResult {
  cursor?: string;
  runs: number;
  redriven: string[];
  holders: number;
  lanes: number;
}

/** A page of the reconciliation: up to `runsMax` entries of a list, fewer where much hangs on them. */
export function reconcile(tx: Tx, now: number, args: ReconcileArgs): ReconcileResult {
  const repair = newRepair(startOp(tx, now), false);
  const { runs, cursor } = lookAt(repair, args.cursor ?? FIRST_PAGE, args.runsMax);
  const { redriven, holders, places } = repair;
  const result: ReconcileResult = { runs, redriven, holders, lanes: places };
  if (cursor !== '') result.cursor = cursor;
  return result;
}

/** A page of the same look that changes nothing: what a reconciliation would put right is a problem. */
export function audit(tx: Tx, now: number, args: AuditArgs): AuditResult {
  const repair = newRepair(startOp(tx, now), true);
  const { cursor } = lookAt(repair, args.cursor ?? FIRST_PAGE, args.entriesMax);
  return cursor === '' ? { problems: repair.problems } : { problems: repair.problems, cursor };
}

/** Answers how many runs it looked at, and where the next page begins: '' after the last. */
function lookAt(repair: Repair, cursor: string, entriesMax: number): { runs: number; cursor: string } {
  const { tx } = repair.op;
  const parts = cursor.split('.');
  const at = int(parts[0]);
  const list = LISTS[at] ?? RUNS;
  const max = isByInstant(list) ? Math.max(entriesMax, TIMERS_PAGE) : entriesMax;
  const page = parts[1] === '' ? tx.zfirst(list, max) : tx.zafter(list, int(parts[1]), max);
  const looked = lookAtPage(repair, list, page);
  const runs = list === RUNS ? looked : 0;
  const isMore = looked < page.length || page.length >= max;
  if (isMore) return { runs, cursor: whole(at) + '.' + whole(nextScore(list, page, looked)) };
  return { runs, cursor: at + 1 < LISTS.length ? whole(at + 1) + '.' : '' };
}

/** Answers how many entries were looked at: at least one of those that there are. */
function lookAtPage(repair: Repair, list: string, page: [string, number][]): number {
  const looksMax = repair.isAudit ? AUDIT_LOOKS_MAX : RECONCILE_LOOKS_MAX;
  let looked = 0;
  for (const [id] of page) {
    if (repair.looks >= looksMax) return looked;
    repair.looks += 1;
    looked += 1;
    if (list === PAUSES) reconcilePause(repair, id);
    else if (list === BUFFERS) reconcileBuffer(repair, id);
    else if (list === DUE) reconcileDue(repair, id);
    else if (list === LEASES) reconcileLease(repair, id);
    else if (list === LANES) reconcileLane(repair, id);
    else if (list === FUNCTIONS) reconcileFunction(repair, id);
    else if (list === RUNS) reconcileRun(repair, id);
    else reconcileParked(repair, id);
  }
  return looked;
}

/** Timers may have equal instants: the last ones are looked at again. Those of one instant beyond a page are left to `claim`. */
function nextScore(list: string, page: [string, number][], looked: number): number {
  const first = page[0]?.[1] ?? 0;
  const last = page[looked - 1]?.[1] ?? 0;
  return isByInstant(list) && first < last - 1 ? last - 1 : last;
}

function isByInstant(list: string): boolean {
  return list === DUE || list === LEASES || list === PARKED;
}
