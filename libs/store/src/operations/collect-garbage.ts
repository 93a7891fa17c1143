import { LANE_IDLE_MS, WORKER_IDLE_MS } from './bounds.ts';
import { openDoc } from './docs.ts';
import { purgeRun } from './end-run.ts';
import { idleFrom } from './gcra.ts';
import { EXPIRIES, GARBAGE, laneJobsKey } from './keys.ts';
import { int } from './numbers.ts';
import { startOp, type Op } from './op.ts';
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
    const purge = purgeRun(op, first[0], args.keysMax - dropped);
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
  // In use again; whoever stops using it has it looked at again.
  if (until < 0) return false;
  const pause = key.substring(0, 3) === 'pz|' ? openDoc(op.tx, key) : undefined;
  if (pause !== undefined) removePause(op, key.substring(3), pause);
  else if (isBucket(key)) op.tx.drop(key);
  else op.tx.hdrop(key);
  return true;
}

/** Until when the key is of use: an instant, 0 when it is gone, negative while there is no end in sight. */
function endOfUse(op: Op, key: string): number {
  const kind = key.split('|')[0] ?? '';
  if (isBucket(key)) return idleFrom(int(op.tx.get(key)));
  const doc = op.tx.hgetall(key);
  if (doc === undefined) return 0;
  if (kind === 'li') {
    const isInUse = op.tx.zcard(laneJobsKey(key.substring(3))) > 0;
    return isInUse ? -1 : int(doc['idle']) + LANE_IDLE_MS;
  }
  if (kind === 'wk') return int(doc['at']) + WORKER_IDLE_MS;
  if (kind === 'pz') return int(doc['exp']) + 1;
  if (kind === 'idem') return (doc['live'] ?? '') !== '' ? -1 : int(doc['until']);
  return int(doc['until']);
}

function isBucket(key: string): boolean {
  const kind = key.split('|')[0];
  return kind === 'gcra' || kind === 'rl';
}
