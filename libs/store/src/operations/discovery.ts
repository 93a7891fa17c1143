import { change, changeInt, field, intField, isSet, type Doc } from './docs.ts';
import type { NewJob } from './jobs.ts';
import { discoveryJobId, groupKey, jobKey, racersKey } from './keys.ts';
import { whole } from './numbers.ts';
import type { Op } from './op.ts';

/*
 * Which completions lead to a discovery call: sdk-protocol.md 7.6. In request version 2 the steps of a parallel answer
 * form a pending group, and one discovery follows when it is empty; at most one discovery of a run is queued, and none
 * runs beside another. Before version 2 one follows each completion. One follows each completion of a step of a marked race,
 * too, and none waits for such a step: what a race leaves behind must not hold up what comes after it.
 *
 * Fields of the run: `dq` the queued discovery, `dl` the leased one, `ag` one more is due when the leased one ends,
 * `ds` serial, `grp` members of the group, `rac` steps of marked races beside it, `fp` forcePlan.
 */

/** The lowest request version with pending groups. */
const GROUPING_VERSION = 2;

export function isGrouping(run: Doc): boolean {
  return intField(run, 'rv') >= GROUPING_VERSION;
}

/** The job of a discovery call, or undefined when one that is queued or runs stands for it. The caller enqueues it. */
export function requestDiscovery(op: Op, runId: string, run: Doc, attemptsMax: number): NewJob | undefined {
  if (isGrouping(run)) {
    // While members are in flight the SDK must not run a step inline that one of them may be running (execution.md 5.5).
    if (intField(run, 'grp') === 0 && intField(run, 'rac') === 0) change(run, 'fp', '');
    if (isSet(run, 'dq')) return undefined;
    if (isSet(run, 'dl') && op.tx.hget(jobKey(field(run, 'dl')), 'st') === 'L') {
      change(run, 'ag', '1');
      return undefined;
    }
  }
  changeInt(run, 'ds', intField(run, 'ds') + 1);
  const jobId = discoveryJobId(runId, whole(intField(run, 'ds')));
  change(run, 'dq', jobId);
  return { jobId, kind: 'edge', target: 'step', attemptsMax, at: op.now, isRace: false, pauseId: '' };
}

/** Opens a pending group, in place of an earlier one. `racers`: the members that are of a marked race, which it does not wait for. */
export function openGroup(op: Op, runId: string, run: Doc, hashes: string[], racers: string[]): void {
  changeInt(run, 'grp', fill(op, groupKey(runId), hashes));
  // Mostly there are none, and were none.
  if (racers.length > 0 || intField(run, 'rac') > 0) changeInt(run, 'rac', fill(op, racersKey(runId), racers));
}

function fill(op: Op, key: string, hashes: string[]): number {
  let members = 0;
  op.tx.sdrop(key);
  for (const hash of hashes) {
    if (op.tx.sadd(key, hash)) members += 1;
  }
  return members;
}

/** A step ended, in whatever way. Whether that leads to a discovery. */
export function completeStep(op: Op, runId: string, run: Doc, hash: string, isRace: boolean): boolean {
  const racers = intField(run, 'rac');
  if (racers > 0 && op.tx.srem(racersKey(runId), hash)) {
    changeInt(run, 'rac', racers - 1);
    return true;
  }
  const members = intField(run, 'grp');
  const isMember = members > 0 && op.tx.srem(groupKey(runId), hash);
  if (isMember) changeInt(run, 'grp', members - 1);
  return !isMember || isRace || members === 1;
}
