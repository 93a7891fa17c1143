import { outboxKey, SYS } from './keys.ts';
import { whole } from './numbers.ts';
import type { Op } from './op.ts';

/**
 * Appends an entry. Entries about a live or ended run name it only: its record and events stay until the entry
 * `run-ended` is acknowledged, which is the last of the run.
 */
export function appendOutbox(op: Op, entry: Record<string, string>): void {
  putOutbox(op, nextOutboxSeq(op), entry);
}

/** The place of an entry that follows with `putOutbox`. */
export function nextOutboxSeq(op: Op): number {
  return op.tx.hincr(SYS, 'obseq', 1);
}

export function putOutbox(op: Op, seq: number, entry: Record<string, string>): void {
  op.tx.hset(outboxKey(whole(seq)), { at: whole(op.now), ...entry });
}
