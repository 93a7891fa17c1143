import { HOLDERS_CHECKED_MAX, RUN_JOBS_MAX } from './bounds.ts';
import { runCounter } from './counters.ts';
import { field, isSet, openDoc } from './docs.ts';
import { holderOf, requestCounters } from './jobs.ts';
import { counterKey, jobKey, runIdOfJob, runJobsKey, runKey } from './keys.ts';
import { unparkAccount, unparkFunction, wakeWaiter } from './lanes.ts';
import { isFirstLook, mayRepair, type Repair } from './repair.ts';

/** What a holder counts as: a counter that many lanes share comes with every page of them, and must not fill it. */
const HOLDER_LOOK = 0.1;

/** Releases holders without a live job or run in progress, and wakes what waited for them. */
export function reconcileCounter(repair: Repair, counter: string): void {
  if (!isFirstLook(repair, 'counter ' + counter)) return;
  const { op } = repair;
  for (const holder of op.tx.smembers(counterKey(counter), HOLDERS_CHECKED_MAX)) {
    repair.looks += HOLDER_LOOK;
    if (
      !isInProgress(repair, counter, holder) &&
      mayRepair(repair, 'counter ' + counter + ' is held by ' + holder + ', which is not in progress')
    ) {
      op.tx.srem(counterKey(counter), holder);
      repair.holders += 1;
      wakeFor(repair, counter);
    }
  }
}

function wakeFor(repair: Repair, counter: string): void {
  const kind = counter.substring(0, 2);
  if (kind === 'a|') unparkAccount(repair.op, counter.substring(2));
  else if (kind === 'f|') unparkFunction(repair.op, counter.substring(2));
  else wakeWaiter(repair.op, counter);
}

function isInProgress(repair: Repair, counter: string, holder: string): boolean {
  const runId = runIdOfJob(holder);
  let holds = repair.inProgress[runId];
  if (holds === undefined) {
    holds = holdsOf(repair, runId);
    repair.inProgress[runId] = holds;
  }
  return holds[counter + ' ' + holder] === true;
}

/** `<counter> <holder>` of all that the run has in progress. */
function holdsOf(repair: Repair, runId: string): Record<string, boolean> {
  const { tx } = repair.op;
  const holds: Record<string, boolean> = {};
  const run = openDoc(tx, runKey(runId));
  if (run === undefined) return holds;
  if (isSet(run, 'r') && field(run, 'st') === 'Running') holds[runCounter(field(run, 'r')) + ' ' + runId] = true;
  const counters = requestCounters(run);
  for (const jobId of tx.smembers(runJobsKey(runId), RUN_JOBS_MAX)) {
    repair.looks += HOLDER_LOOK;
    const job = openDoc(tx, jobKey(jobId));
    if (job !== undefined && field(job, 'st') === 'L') {
      for (const counter of counters) holds[counter + ' ' + holderOf(jobId, job)] = true;
    }
  }
  return holds;
}
