import { field, intField, isSet, type Doc } from './docs.ts';
import { expireAt } from './expiry.ts';
import {
  anchoredPausesKey,
  correlationKey,
  pauseKey,
  pausePathsKey,
  runPausesKey,
  SYS,
  unanchoredPausesKey,
} from './keys.ts';
import { whole } from './numbers.ts';
import type { Op } from './op.ts';

export interface Anchor {
  path: string;
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

/** Stores the pause with its indexes. `hash`: the step that waits; '' for cancel. */
export function createPause(op: Op, runId: string, run: Doc, pause: NewPause, hash: string, isRace: boolean): void {
  const envId = field(run, 'env');
  const seq = op.tx.hincr(SYS, 'seq', 1);
  const fields: Record<string, string> = {
    run: runId,
    fn: field(run, 'fn'),
    env: envId,
    kind: pause.kind,
    seq: whole(seq),
    at: whole(op.now),
    exp: whole(pause.expiresAt),
  };
  if (hash !== '') fields['hash'] = hash;
  if (isRace) fields['race'] = '1';
  if (pause.expression !== undefined) fields['expr'] = pause.expression;
  if (pause.timeoutMemo !== undefined) {
    fields['tmemo'] = pause.timeoutMemo;
    fields['tbytes'] = whole(pause.timeoutMemoBytes ?? 0);
  }
  if (pause.correlationId !== undefined) {
    fields['corr'] = pause.correlationId;
    op.tx.set(correlationKey(pause.kind, envId, pause.correlationId), pause.pauseId);
  }
  if (pause.event !== undefined) {
    fields['ev'] = pause.event;
    indexByEvent(op, envId, pause.event, pause, seq, fields);
  }
  op.tx.hset(pauseKey(pause.pauseId), fields);
  op.tx.sadd(runPausesKey(runId), pause.pauseId);
  op.tx.hincr(SYS, 'pauses', 1);
  // Other pauses end with the job of their timeout.
  if (pause.kind === 'cancel') expireAt(op.tx, pauseKey(pause.pauseId), pause.expiresAt + 1);
}

function indexByEvent(
  op: Op,
  envId: string,
  event: string,
  pause: NewPause,
  seq: number,
  fields: Record<string, string>,
): void {
  const pathsKey = pausePathsKey(envId, event);
  op.tx.hincr(pathsKey, 'n', 1);
  const anchors = pause.anchors ?? [];
  if (anchors.length === 0) {
    op.tx.zadd(unanchoredPausesKey(envId, event), seq, pause.pauseId);
    return;
  }
  let stored = 0;
  for (const anchor of anchors) {
    const key = anchoredPausesKey(envId, event, anchor.anchor);
    if (op.tx.zscore(key, pause.pauseId) === undefined) {
      op.tx.zadd(key, seq, pause.pauseId);
      op.tx.hincr(pathsKey, 'p:' + anchor.path, 1);
      fields['a' + whole(stored)] = anchor.anchor;
      fields['p' + whole(stored)] = anchor.path;
      stored += 1;
    }
  }
  fields['an'] = whole(stored);
}

/** Removes the pause and its indexes. A correlation that a newer pause took over stays. */
export function removePause(op: Op, pauseId: string, pause: Doc): void {
  const envId = field(pause, 'env');
  if (isSet(pause, 'corr')) {
    const key = correlationKey(field(pause, 'kind'), envId, field(pause, 'corr'));
    if (op.tx.get(key) === pauseId) op.tx.drop(key);
  }
  if (isSet(pause, 'ev')) removeFromEventIndex(op, envId, field(pause, 'ev'), pauseId, pause);
  op.tx.hdrop(pauseKey(pauseId));
  op.tx.srem(runPausesKey(field(pause, 'run')), pauseId);
  op.tx.hincr(SYS, 'pauses', -1);
}

function removeFromEventIndex(op: Op, envId: string, event: string, pauseId: string, pause: Doc): void {
  const pathsKey = pausePathsKey(envId, event);
  const anchors = intField(pause, 'an');
  if (anchors === 0) op.tx.zrem(unanchoredPausesKey(envId, event), pauseId);
  for (let i = 0; i < anchors; i++) {
    op.tx.zrem(anchoredPausesKey(envId, event, field(pause, 'a' + whole(i))), pauseId);
    const path = 'p:' + field(pause, 'p' + whole(i));
    if (op.tx.hincr(pathsKey, path, -1) === 0) op.tx.hdel(pathsKey, path);
  }
  if (op.tx.hincr(pathsKey, 'n', -1) === 0) op.tx.hdrop(pathsKey);
}
