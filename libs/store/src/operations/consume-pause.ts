import { field, intField, isSet, openDoc, saveDoc, type Doc } from './docs.ts';
import { endRun } from './end-run.ts';
import { correlationKey, pauseKey, runKey } from './keys.ts';
import { startOp, type Op } from './op.ts';
import { removePause } from './pauses.ts';
import { settleStep } from './save-step.ts';
import type { Tx } from './tx.ts';

export interface ConsumePauseArgs {
  pauseId: string;
  memo?: string;
  memoBytes?: number;
  reason?: string;
}

export type ConsumeResult = { kind: 'resumed'; runId: string } | { kind: 'gone' };

/**
 * Consumes the pause and continues its run, or ends it (kind cancel). Exactly one of several consumers and the timeout
 * wins; the others, and a repeat, get 'gone' and change nothing. About 20 commands.
 */
export function consumePause(tx: Tx, now: number, args: ConsumePauseArgs): ConsumeResult {
  const pause = openDoc(tx, pauseKey(args.pauseId));
  if (pause === undefined) return { kind: 'gone' };
  return consume(startOp(tx, now), args, pause);
}

export interface ResumeArgs {
  envId: string;
  kind: 'invoke' | 'signal';
  correlationId: string;
  memo: string;
  memoBytes: number;
}

/** The same for the pause that is registered under an invoke correlation or a signal. */
export function resume(tx: Tx, now: number, args: ResumeArgs): ConsumeResult {
  const key = correlationKey(args.kind, args.envId, args.correlationId);
  const pauseId = tx.get(key);
  if (pauseId === undefined) return { kind: 'gone' };
  // An entry without its pause is damage, and of no use to anybody.
  if (tx.hget(pauseKey(pauseId), 'run') === undefined) tx.drop(key);
  return consumePause(tx, now, { pauseId, memo: args.memo, memoBytes: args.memoBytes });
}

function consume(op: Op, args: ConsumePauseArgs, pause: Doc): ConsumeResult {
  const runId = field(pause, 'run');
  const run = openDoc(op.tx, runKey(runId));
  if (run === undefined) return { kind: 'gone' };
  if (field(pause, 'kind') === 'cancel') {
    if (intField(pause, 'exp') < op.now) return { kind: 'gone' };
    endRun(op, runId, run, { status: 'Cancelled', reason: args.reason ?? 'event' });
    return { kind: 'resumed', runId };
  }
  const step = { hash: field(pause, 'hash'), memo: args.memo ?? 'null', memoBytes: args.memoBytes ?? 4 };
  removePause(op, args.pauseId, pause);
  settleStep(op, runId, run, step, isSet(pause, 'race'));
  saveDoc(op.tx, run);
  return { kind: 'resumed', runId };
}
