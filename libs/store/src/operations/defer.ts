import { changeInt, intField, saveDoc } from './docs.ts';
import { openLease, type Lease } from './fence.ts';
import { deferBodiesKey, defersKey } from './keys.ts';
import { int, whole } from './numbers.ts';
import type { Tx } from './tx.ts';

/** Stands in the list of a run's deferred runs for one that was called off. */
export const ABORTED = '-';

export interface DeferChange {
  hash: string;
  /** '' calls it off. */
  body: string;
  bodyBytes: number;
}

export interface DeferArgs {
  runId: string;
  lease: Lease;
  changes: DeferChange[];
  runsMax: number;
  bytesMax: number;
}

export type DeferResult = { kind: 'deferred'; dropped: string[] } | { kind: 'stale' } | { kind: 'run-gone' };

/**
 * Notes runs that are to be scheduled when this one ends, and calls noted ones off (sdk-protocol.md 7.5). One that is
 * noted stays as it was noted first, and one that was called off stays so, hence a repeat changes nothing. What goes beyond
 * a limit is not noted: `dropped`. Fields of the run: `dfn` how many, `dfb` bytes of those that are to come. 4 commands, 3 each.
 */
export function defer(tx: Tx, _now: number, args: DeferArgs): DeferResult {
  const fenced = openLease(tx, args.runId, args.lease);
  if (fenced.kind === 'run-gone') return { kind: 'run-gone' };
  if (fenced.kind === 'stale') return { kind: 'stale' };
  const { run } = fenced;
  const dropped: string[] = [];
  for (const change of args.changes) {
    const noted = tx.hget(defersKey(args.runId), change.hash);
    const [count, bytes] = [intField(run, 'dfn'), intField(run, 'dfb')];
    if (change.body === '') {
      if (noted !== undefined && noted !== ABORTED) {
        tx.hset(defersKey(args.runId), { [change.hash]: ABORTED });
        tx.mdel(deferBodiesKey(args.runId), change.hash);
        changeInt(run, 'dfb', bytes - int(noted));
      }
    } else if (noted === undefined) {
      if (count >= args.runsMax || bytes + change.bodyBytes > args.bytesMax) {
        dropped.push(change.hash);
      } else {
        tx.hset(defersKey(args.runId), { [change.hash]: whole(change.bodyBytes) });
        tx.mset(deferBodiesKey(args.runId), change.hash, change.body);
        changeInt(run, 'dfn', count + 1);
        changeInt(run, 'dfb', bytes + change.bodyBytes);
      }
    }
  }
  saveDoc(tx, run);
  return { kind: 'deferred', dropped };
}
