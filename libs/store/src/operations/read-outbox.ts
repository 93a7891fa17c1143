import { ANSWER_BYTES_MAX, OUTBOX_MAX } from './bounds.ts';
import { dropItems } from './buffers.ts';
import { dropTold } from './end-run.ts';
import {
  bufferItemsKey,
  deferBodiesKey,
  endedRunKey,
  eventsKey,
  outboxKey,
  runKey,
  stackKey,
  stepsKey,
  SYS,
} from './keys.ts';
import { int, whole } from './numbers.ts';
import type { Tx } from './tx.ts';
import { completeRecord } from './waiting-runs.ts';

/** An entry with what it refers to, as stored. */
export interface OutboxView {
  seq: number;
  entry: Readonly<Record<string, string>>;
  /** The run's record: of the live run, of the ended one, or of the skipped one (the entry itself). */
  run: Readonly<Record<string, string>>;
  events: string;
  /** Of an ended run: its memos as pairs [hash, memo], and the order in which they came. */
  steps?: [string, string][];
  stack?: string[];
  /** Of an ended run: pairs [hash, body] of those that it deferred. */
  defers?: [string, string][];
  /** Of a closed buffer: what it holds, as pairs [field, value]. */
  items?: [string, string][];
}

export interface ReadOutboxArgs {
  entriesMax: number;
}

/**
 * The oldest entries, in order, as many as are not too large together but one; reading changes nothing. One command each, 3 for the
 * first and the last of a run.
 */
export function readOutbox(tx: Tx, _now: number, args: ReadOutboxArgs): OutboxView[] {
  const head = int(tx.hget(SYS, 'obhead')) + 1;
  const last = Math.min(int(tx.hget(SYS, 'obseq')), head + Math.min(args.entriesMax, OUTBOX_MAX) - 1);
  const views: OutboxView[] = [];
  let bytes = 0;
  for (let seq = head; seq <= last; seq++) {
    const entry = tx.hgetall(outboxKey(whole(seq)));
    if (entry !== undefined) {
      bytes += int(entry['size']);
      if (bytes > ANSWER_BYTES_MAX && views.length > 0) return views;
      const view = viewEntry(tx, seq, entry);
      if (view !== undefined) views.push(view);
    }
    if (views.length === 0) passOver(tx, seq);
  }
  return views;
}

/** Nothing can be told of it: the entry is lost, or the run that it speaks of. */
function passOver(tx: Tx, seq: number): void {
  tx.hdrop(outboxKey(whole(seq)));
  tx.hset(SYS, { obhead: whole(seq) });
}

/** Undefined when the run is lost. */
function viewEntry(tx: Tx, seq: number, entry: Readonly<Record<string, string>>): OutboxView | undefined {
  if (entry['kind'] === 'run-skipped') return { seq, entry, run: entry, events: entry['events'] ?? '' };
  if (entry['kind'] === 'buffer-closed') return viewBuffer(tx, seq, entry);
  if (entry['kind'] !== 'run-scheduled' && entry['kind'] !== 'run-ended') return { seq, entry, run: {}, events: '' };
  const runId = entry['run'] ?? '';
  const stored = tx.hgetall(runKey(runId)) ?? tx.hgetall(endedRunKey(runId));
  if (stored === undefined) return undefined;
  const run = completeRecord(tx, stored);
  const view: OutboxView = { seq, entry, run, events: tx.get(eventsKey(runId)) ?? '' };
  if (entry['kind'] === 'run-ended' && int(run['sl']) > 0) {
    view.steps = tx.mall(stepsKey(runId));
    view.stack = tx.lrange(stackKey(runId));
  }
  if (entry['kind'] === 'run-ended' && int(run['dfn']) > 0) view.defers = tx.mall(deferBodiesKey(runId));
  return view;
}

/** Undefined when its events are lost. */
function viewBuffer(tx: Tx, seq: number, entry: Readonly<Record<string, string>>): OutboxView | undefined {
  const key = bufferItemsKey(entry['buf'] ?? '');
  return tx.mhas(key, 'e0') ? { seq, entry, run: {}, events: '', items: tx.mall(key) } : undefined;
}

export interface AckOutboxArgs {
  /** Of the last entry to drop, as it was read. */
  seq: number;
  at: number;
}

/**
 * Drops entries up to and with the one that was read last, a bounded number: answers whether there are more. With the
 * entry of its end the last of a run goes, with that of its closing what a buffer held.
 *
 * A store that has failed over may have lost that entry, and have given its number to another one that nobody has read:
 * an acknowledgement that comes from before then drops nothing.
 */
export function ackOutbox(tx: Tx, now: number, args: AckOutboxArgs): boolean {
  if (tx.hget(outboxKey(whole(args.seq)), 'at') !== whole(args.at)) return false;
  const head = int(tx.hget(SYS, 'obhead')) + 1;
  const until = Math.min(args.seq, head + OUTBOX_MAX - 1);
  for (let seq = head; seq <= until; seq++) {
    const key = outboxKey(whole(seq));
    const kind = tx.hget(key, 'kind');
    if (kind === 'run-ended') dropTold(tx, now, tx.hget(key, 'run') ?? '');
    else if (kind === 'buffer-closed') dropItems(tx, tx.hget(key, 'buf') ?? '');
    tx.hdrop(key);
  }
  if (until >= head) tx.hset(SYS, { obhead: whole(until) });
  return until < args.seq;
}
