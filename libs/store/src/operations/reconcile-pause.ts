import { changeInt, field, intField, isSet, openDoc, saveDoc, change, type Doc } from './docs.ts';
import { enqueueJob } from './jobs.ts';
import {
  GARBAGE,
  jobKey,
  pauseKey,
  PAUSES,
  runIdOfJob,
  runKey,
  runPausesKey,
  RUNS,
  stepJobId,
  stepsKey,
} from './keys.ts';
import { indexPause, isIndexed, removePause } from './pauses.ts';
import { mayRepair, type Repair } from './repair.ts';

/** The pause of a live run is known by it, is found by what it waits for, and ends by itself. Others are dropped. */
export function reconcilePause(repair: Repair, pauseId: string): void {
  const { op } = repair;
  const pause = openDoc(op.tx, pauseKey(pauseId));
  if (pause === undefined) {
    if (!mayRepair(repair, 'pause ' + pauseId + ' is listed and has no record')) return;
    op.tx.zrem(PAUSES, pauseId);
    op.tx.srem(runPausesKey(runIdOfJob(pauseId)), pauseId);
    repair.places += 1;
    return;
  }
  const runId = field(pause, 'run');
  const run = openDoc(op.tx, runKey(runId));
  if (run === undefined) {
    // What a large run left goes bit by bit.
    const isGarbage = op.tx.zscore(GARBAGE, runId) !== undefined || op.tx.zscore(RUNS, runId) !== undefined;
    if (!isGarbage) drop(repair, pauseId, pause);
    return;
  }
  if (field(pause, 'kind') !== 'cancel' && !reconcileTimeout(repair, pauseId, pause, runId, run)) {
    drop(repair, pauseId, pause);
    return;
  }
  if (
    !op.tx.sismember(runPausesKey(runId), pauseId) &&
    mayRepair(repair, 'pause ' + pauseId + ' is not known by its run')
  ) {
    op.tx.sadd(runPausesKey(runId), pauseId);
    repair.places += 1;
  }
  if (!isIndexed(op, pauseId, pause) && mayRepair(repair, 'pause ' + pauseId + ' is not found by what it waits for')) {
    indexPause(op, pauseId, pause);
    repair.places += 1;
  }
  if (!isSet(run, 'pz') && mayRepair(repair, 'run ' + runId + ' does not know that it has pauses'))
    change(run, 'pz', '1');
  saveDoc(op.tx, run);
}

function drop(repair: Repair, pauseId: string, pause: Doc): void {
  if (!mayRepair(repair, 'pause ' + pauseId + ' is of no run or step that waits for it')) return;
  removePause(repair.op, pauseId, pause);
  repair.places += 1;
}

/** Enqueues the job of its timeout if that is lost. False: its step is over, or has another pause. */
function reconcileTimeout(repair: Repair, pauseId: string, pause: Doc, runId: string, run: Doc): boolean {
  const { op } = repair;
  const hash = field(pause, 'hash');
  const jobId = stepJobId(runId, hash);
  const jobPause = op.tx.hget(jobKey(jobId), 'pause');
  if (jobPause !== undefined) return jobPause === pauseId;
  if (op.tx.mhas(stepsKey(runId), hash)) return false;
  if (!mayRepair(repair, 'pause ' + pauseId + ' has no timeout')) return true;
  // The run may have counted it; the look at the run counts anew.
  const counted = intField(run, 'nj');
  enqueueJob(op, runId, run, {
    jobId,
    kind: 'timeout',
    target: hash,
    attemptsMax: 1,
    at: intField(pause, 'exp'),
    isRace: isSet(pause, 'race'),
    pauseId,
  });
  changeInt(run, 'nj', counted);
  repair.places += 1;
  return true;
}
