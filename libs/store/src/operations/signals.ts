import { field, intField, openDoc } from './docs.ts';
import { correlationKey, EXPIRIES, pauseKey, reservationKey, runIdOfJob, runKey, stepsKey } from './keys.ts';
import { whole } from './numbers.ts';
import { startOp } from './op.ts';
import { forgetSignal } from './pauses.ts';
import type { Tx } from './tx.ts';

/*
 * A signal has one waiter in all cells. Its home cell keeps a reservation that names the waiting pause, which lives in the
 * cell of its run. The reservation comes first: until the pause is there it is believed for a short while; afterwards it
 * is as good as its pause (`findWait`). So one that was left by a crash, or whose run has ended, holds nobody up.
 */

/** A reservation whose pause is not there yet is believed this long: the operation that creates it follows at once. */
const RESERVED_MS = 30_000;

export interface ReserveSignalArgs {
  envId: string;
  signal: string;
  pauseId: string;
  /** The step that waits. */
  hash: string;
  /** The instant at which the wait ends, and with it the reservation. */
  expiresAt: number;
  /** The reservation is taken from this pause, if it has it: it waits no more. '' for: only if nobody has it. */
  instead: string;
}

/** `isFresh`: the pause that has it may not be there yet. */
export type ReserveSignalResult =
  | { kind: 'reserved' }
  | { kind: 'taken'; pauseId: string; hash: string; isFresh: boolean };

/** Reserves the signal for the pause, unless another has it. A repeat changes nothing. 3 commands. */
export function reserveSignal(tx: Tx, now: number, args: ReserveSignalArgs): ReserveSignalResult {
  const key = reservationKey(args.envId, args.signal);
  const earlier = openDoc(tx, key);
  const holder = earlier === undefined ? '' : field(earlier, 'pause');
  if (earlier !== undefined && holder !== args.pauseId && holder !== args.instead && intField(earlier, 'until') > now) {
    return {
      kind: 'taken',
      pauseId: holder,
      hash: field(earlier, 'hash'),
      isFresh: intField(earlier, 'at') + RESERVED_MS > now,
    };
  }
  if (holder === args.pauseId) return { kind: 'reserved' };
  tx.hset(key, { pause: args.pauseId, hash: args.hash, at: whole(now), until: whole(args.expiresAt) });
  tx.zadd(EXPIRIES, args.expiresAt, key);
  return { kind: 'reserved' };
}

export interface SignalArgs {
  envId: string;
  signal: string;
}

/** The pause that has the signal, if any. Only in the home cell. */
export function findSignal(tx: Tx, _now: number, args: SignalArgs): string | undefined {
  return tx.hget(reservationKey(args.envId, args.signal), 'pause');
}

export interface ReleaseSignalArgs {
  envId: string;
  signal: string;
  pauseId: string;
}

/**
 * The pause has the signal no more: neither the reservation, in the home cell, nor its own entry, in the cell of its run,
 * where it waits on for its end. What others have stays. A repeat changes nothing.
 */
export function releaseSignal(tx: Tx, now: number, args: ReleaseSignalArgs): void {
  const key = reservationKey(args.envId, args.signal);
  if (tx.hget(key, 'pause') === args.pauseId) tx.hdrop(key);
  if (tx.get(correlationKey('signal', args.envId, args.signal)) === args.pauseId) {
    forgetSignal(startOp(tx, now), args.pauseId);
  }
}

export interface FindWaitArgs {
  pauseId: string;
  /** The step that waits. */
  hash: string;
}

/** Whether a step still waits: 'unknown' when it has not begun to, or never will. */
export function findWait(tx: Tx, _now: number, args: FindWaitArgs): 'waiting' | 'ended' | 'unknown' {
  const runId = runIdOfJob(args.pauseId);
  if (tx.hget(runKey(runId), 'st') === undefined) return 'ended';
  if (tx.hget(pauseKey(args.pauseId), 'run') !== undefined) return 'waiting';
  return tx.mhas(stepsKey(runId), args.hash) ? 'ended' : 'unknown';
}
