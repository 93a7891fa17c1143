import { LANE_IDLE_MS, TOMBSTONE_MS, WORKER_IDLE_MS } from './bounds.ts';
import { field, intField, openDoc, type Doc } from './docs.ts';
import { purgeRun } from './end-run.ts';
import { idleFrom } from './gcra.ts';
import { EXPIRIES, GARBAGE, LANES, runKey } from './keys.ts';
import { int } from './numbers.ts';
import { startOp, type Op } from './op.ts';
import { mayForgetLane } from './lanes.ts';
import { removePause } from './pauses.ts';
import type { Tx } from './tx.ts';

export interface CollectGarbageArgs {
  keysMax: number;
}

/** Drops what expired and what ended runs left, `keysMax` things at most. Answers how many. */
export function collectGarbage(tx: Tx, now: number, args: CollectGarbageArgs): number {
  const op = startOp(tx, now);
  let dropped = 0;
  for (const [key] of tx.zupto(EXPIRIES, now, args.keysMax)) {
    if (expire(op, key)) dropped += 1;
  }
  while (dropped < args.keysMax) {
    const first = tx.zfirst(GARBAGE, 1)[0];
    if (first === undefined) return dropped;
    const purge = purgeRun(op, first[0], undefined, args.keysMax - dropped);
    if (purge.isDone) tx.zrem(GARBAGE, first[0]);
    dropped += purge.removed + 1;
  }
  return dropped;
}

/** Drops the key if it is of no use any more, else looks again later. */
function expire(op: Op, key: string): boolean {
  const until = endOfUse(op, key);
  if (until > op.now) {
    op.tx.zadd(EXPIRIES, until, key);
    return false;
  }
  op.tx.zrem(EXPIRIES, key);
  const pause = key.substring(0, 3) === 'pz|' ? openDoc(op.tx, key) : undefined;
  if (pause !== undefined) removePause(op, key.substring(3), pause);
  else if (isString(key)) op.tx.drop(key);
  else op.tx.hdrop(key);
  if (key.substring(0, 3) === 'li|') op.tx.zrem(LANES, key.substring(3));
  return true;
}

/** Until when the key is of use, or when to look again: an instant, 0 when it is gone. */
function endOfUse(op: Op, key: string): number {
  const kind = key.split('|')[0] ?? '';
  if (kind === 'gcra' || kind === 'rl') return idleFrom(int(op.tx.get(key)));
  if (kind === 'sg') return whileLive(op, op.tx.get(key) ?? '', 0);
  const doc = openDoc(op.tx, key);
  if (doc === undefined) return 0;
  if (kind === 'li') return endOfLane(op, key.substring(3), doc);
  if (kind === 'wk') return intField(doc, 'at') + WORKER_IDLE_MS;
  if (kind === 'pz') return intField(doc, 'exp') + 1;
  if (kind === 'idem') return whileLive(op, field(doc, 'run'), intField(doc, 'until'));
  return intField(doc, 'until');
}

/** `until`, but no earlier than the run ends. */
function whileLive(op: Op, runId: string, until: number): number {
  const isDue = until <= op.now && op.tx.hget(runKey(runId), 'st') !== undefined;
  return isDue ? op.now + TOMBSTONE_MS : until;
}

/** What its counters hold is found by the record (`reconcile`): it stays as long as they hold something. */
function endOfLane(op: Op, laneId: string, lane: Doc): number {
  const until = intField(lane, 'idle') + LANE_IDLE_MS;
  return until > op.now || mayForgetLane(op, laneId, lane) ? until : op.now + LANE_IDLE_MS;
}

function isString(key: string): boolean {
  const kind = key.split('|')[0];
  return kind === 'gcra' || kind === 'rl' || kind === 'sg';
}
