import { change, changeInt, field, intField, isSet, newDoc, openDoc, saveDoc, type Doc } from './docs.ts';
import { expireAt } from './expiry.ts';
import {
  anchoredPausesKey,
  correlationKey,
  PAUSES,
  pauseKey,
  pausePathsKey,
  pausesOnPathKey,
  runPausesKey,
  SYS,
  unanchoredPausesKey,
} from './keys.ts';
import { whole } from './numbers.ts';
import type { Op } from './op.ts';

export interface Anchor {
  /** Stands for the path in keys. */
  path: string;
  /** The path as it is. */
  rawPath: string;
  /** Stands for path and value in keys. */
  anchor: string;
}

/** A pause as operations get it: names are encoded, sizes counted. */
export interface NewPause {
  pauseId: string;
  kind: 'wait' | 'invoke' | 'signal' | 'cancel';
  expiresAt: number;
  event?: string;
  expression?: string;
  anchors?: Anchor[];
  correlationId?: string;
  timeoutMemo?: string;
  timeoutMemoBytes?: number;
}

/**
 * Stores the pause with its indexes. `hash`: the step that waits; '' for cancel. The list of pauses comes first and is
 * left last, so that whatever is there is found by `reconcile`. The caller saves the run.
 */
export function createPause(op: Op, runId: string, run: Doc, pause: NewPause, hash: string, isRace: boolean): void {
  const seq = op.tx.hincr(SYS, 'seq', 1);
  const doc = newDoc(pauseKey(pause.pauseId), {
    run: runId,
    fn: field(run, 'fn'),
    env: field(run, 'env'),
    kind: pause.kind,
    seq: whole(seq),
    at: whole(op.now),
    exp: whole(pause.expiresAt),
  });
  if (hash !== '') change(doc, 'hash', hash);
  if (isRace) change(doc, 'race', '1');
  if (pause.expression !== undefined) change(doc, 'expr', pause.expression);
  if (pause.timeoutMemo !== undefined) {
    change(doc, 'tmemo', pause.timeoutMemo);
    changeInt(doc, 'tbytes', pause.timeoutMemoBytes ?? 0);
  }
  if (pause.correlationId !== undefined) change(doc, 'corr', pause.correlationId);
  if (pause.event !== undefined) noteEvent(doc, pause.event, pause.anchors ?? []);
  op.tx.zadd(PAUSES, seq, pause.pauseId);
  op.tx.sadd(runPausesKey(runId), pause.pauseId);
  change(run, 'pz', '1');
  saveDoc(op.tx, doc);
  if (pause.kind === 'signal') replaceWaiter(op, doc, pause.pauseId);
  indexPause(op, pause.pauseId, doc);
  // Other pauses end with the job of their timeout.
  if (pause.kind === 'cancel') expireAt(op.tx, doc.key, pause.expiresAt + 1);
}

function noteEvent(doc: Doc, event: string, anchors: Anchor[]): void {
  change(doc, 'ev', event);
  let noted = 0;
  const seen: Record<string, boolean> = {};
  for (const { path, rawPath, anchor } of anchors) {
    if (seen[anchor] !== true) {
      seen[anchor] = true;
      change(doc, 'a' + whole(noted), anchor);
      change(doc, 'p' + whole(noted), path);
      if (rawPath !== path) change(doc, 'r' + whole(noted), rawPath);
      noted += 1;
    }
  }
  if (noted > 0) changeInt(doc, 'an', noted);
}

/** The newest waiter has the signal; the one before waits on for nothing (execution.md 5.9). */
function replaceWaiter(op: Op, pause: Doc, pauseId: string): void {
  const earlier = op.tx.get(correlationKey('signal', field(pause, 'env'), field(pause, 'corr')));
  if (earlier !== undefined && earlier !== pauseId) forgetSignal(op, earlier);
}

/** The pause does not wait for its signal any more, only for its end. */
export function forgetSignal(op: Op, pauseId: string): void {
  const pause = openDoc(op.tx, pauseKey(pauseId));
  if (pause === undefined || isSet(pause, 'repl')) return;
  change(pause, 'repl', '1');
  saveDoc(op.tx, pause);
  const key = correlationKey('signal', field(pause, 'env'), field(pause, 'corr'));
  if (op.tx.get(key) === pauseId) op.tx.drop(key);
}

/** Enters the pause wherever it is looked for. Repeating it changes nothing. */
export function indexPause(op: Op, pauseId: string, pause: Doc): void {
  const envId = field(pause, 'env');
  if (isSet(pause, 'corr') && !isSet(pause, 'repl')) {
    op.tx.set(correlationKey(field(pause, 'kind'), envId, field(pause, 'corr')), pauseId);
  }
  if (!isSet(pause, 'ev')) return;
  const event = field(pause, 'ev');
  const seq = intField(pause, 'seq');
  const anchors = intField(pause, 'an');
  if (anchors === 0) {
    op.tx.zadd(unanchoredPausesKey(envId, event), seq, pauseId);
    op.tx.hset(pausePathsKey(envId, event), { u: '1' });
  }
  for (let i = 0; i < anchors; i++) {
    const path = field(pause, 'p' + whole(i));
    op.tx.zadd(anchoredPausesKey(envId, event, field(pause, 'a' + whole(i))), seq, pauseId);
    op.tx.zadd(pausesOnPathKey(envId, event, path), seq, pauseId);
    op.tx.hset(pausePathsKey(envId, event), {
      ['p:' + path]: isSet(pause, 'r' + whole(i)) ? field(pause, 'r' + whole(i)) : path,
    });
  }
}

/** Removes the pause and its indexes. A correlation that a newer pause took over stays. */
export function removePause(op: Op, pauseId: string, pause: Doc): void {
  const envId = field(pause, 'env');
  if (isSet(pause, 'corr')) {
    const key = correlationKey(field(pause, 'kind'), envId, field(pause, 'corr'));
    if (op.tx.get(key) === pauseId) op.tx.drop(key);
  }
  const event = field(pause, 'ev');
  const anchors = intField(pause, 'an');
  if (event !== '' && anchors === 0) leaveUnanchored(op, envId, event, pauseId);
  for (let i = 0; i < anchors; i++) {
    leaveAnchor(op, envId, event, field(pause, 'p' + whole(i)), field(pause, 'a' + whole(i)), pauseId);
  }
  op.tx.hdrop(pauseKey(pauseId));
  op.tx.srem(runPausesKey(field(pause, 'run')), pauseId);
  op.tx.zrem(PAUSES, pauseId);
}

export function leaveUnanchored(op: Op, envId: string, event: string, pauseId: string): void {
  const key = unanchoredPausesKey(envId, event);
  op.tx.zrem(key, pauseId);
  if (op.tx.zcard(key) === 0) op.tx.hdel(pausePathsKey(envId, event), 'u');
}

export function leaveAnchor(op: Op, envId: string, event: string, path: string, anchor: string, pauseId: string): void {
  const key = pausesOnPathKey(envId, event, path);
  op.tx.zrem(anchoredPausesKey(envId, event, anchor), pauseId);
  op.tx.zrem(key, pauseId);
  if (op.tx.zcard(key) === 0) op.tx.hdel(pausePathsKey(envId, event), 'p:' + path);
}

/** Whether `indexPause` would change nothing. A signal that another has, this one does not get back. */
export function isIndexed(op: Op, pauseId: string, pause: Doc): boolean {
  const envId = field(pause, 'env');
  if (isSet(pause, 'corr') && !isSet(pause, 'repl')) {
    if (!op.tx.has(correlationKey(field(pause, 'kind'), envId, field(pause, 'corr')))) return false;
  }
  if (!isSet(pause, 'ev')) return true;
  const event = field(pause, 'ev');
  const anchors = intField(pause, 'an');
  const paths = op.tx.hgetall(pausePathsKey(envId, event)) ?? {};
  if (anchors === 0) {
    return paths['u'] !== undefined && op.tx.zscore(unanchoredPausesKey(envId, event), pauseId) !== undefined;
  }
  for (let i = 0; i < anchors; i++) {
    const path = field(pause, 'p' + whole(i));
    if (paths['p:' + path] === undefined) return false;
    if (op.tx.zscore(pausesOnPathKey(envId, event, path), pauseId) === undefined) return false;
    const anchor = anchoredPausesKey(envId, event, field(pause, 'a' + whole(i)));
    if (op.tx.zscore(anchor, pauseId) === undefined) return false;
  }
  return true;
}
