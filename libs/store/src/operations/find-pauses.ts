import { FIND_PAUSES_MAX } from './bounds.ts';
import { anchoredPausesKey, pauseKey, pausePathsKey, runKey, unanchoredPausesKey } from './keys.ts';
import { int, whole } from './numbers.ts';
import { startOp, type Op } from './op.ts';
import { leaveAnchor, leaveUnanchored } from './pauses.ts';
import type { Tx } from './tx.ts';

export interface FindPausePathsArgs {
  envId: string;
  event: string;
}

/** The JSON paths that pauses on this event are indexed by. One command. */
export function findPausePaths(
  tx: Tx,
  _now: number,
  args: FindPausePathsArgs,
): { hasPauses: boolean; paths: string[] } {
  const inUse = tx.hgetall(pausePathsKey(args.envId, args.event));
  if (inUse === undefined) return { hasPauses: false, paths: [] };
  const paths: string[] = [];
  for (const name of Object.keys(inUse)) {
    if (name !== 'u') paths.push(inUse[name] ?? '');
  }
  return { hasPauses: true, paths };
}

export interface FindPausesArgs {
  envId: string;
  event: string;
  anchors: { path: string; anchor: string }[];
  /** `<index>.<seq>`: where the page before ended. */
  cursor?: string;
  pausesMax: number;
}

/** `WaitingPause` of the port. */
export interface PauseView {
  pauseId: string;
  runId: string;
  functionId: string;
  kind: 'wait' | 'cancel';
  hash?: string;
  expression?: string;
  createdAt: number;
  expiresAt: number;
}

/**
 * Pauses on the event that one of the anchors leads to, then those without anchor, each list in the order of
 * registration. Expired ones and those of ended runs are left out, so a page may be short; the last has no cursor. Entries
 * whose pause is gone are dropped: `reconcile` cannot know where they stand.
 */
export function findPauses(tx: Tx, now: number, args: FindPausesArgs): { pauses: PauseView[]; cursor?: string } {
  const op = startOp(tx, now);
  const keys: string[] = [];
  for (const { anchor } of args.anchors) keys.push(anchoredPausesKey(args.envId, args.event, anchor));
  keys.push(unanchoredPausesKey(args.envId, args.event));
  const max = Math.min(args.pausesMax, FIND_PAUSES_MAX);
  const parts = (args.cursor ?? '0.0').split('.');
  let index = int(parts[0]);
  let after = int(parts[1]);
  const pauses: PauseView[] = [];
  let looked = 0;
  while (index < keys.length) {
    const page = tx.zafter(keys[index] ?? '', after, max - looked);
    for (const [pauseId, seq] of page) {
      const pause = tx.hgetall(pauseKey(pauseId));
      if (pause === undefined) dropEntry(op, args, index, pauseId);
      else if (isWaiting(tx, now, pause)) pauses.push(viewPause(pauseId, pause));
      after = seq;
    }
    looked += page.length;
    if (looked >= max) return { pauses, cursor: whole(index) + '.' + whole(after) };
    index += 1;
    after = 0;
  }
  return { pauses };
}

function dropEntry(op: Op, args: FindPausesArgs, index: number, pauseId: string): void {
  const anchor = args.anchors[index];
  if (anchor === undefined) leaveUnanchored(op, args.envId, args.event, pauseId);
  else leaveAnchor(op, args.envId, args.event, anchor.path, anchor.anchor, pauseId);
}

function isWaiting(tx: Tx, now: number, pause: Readonly<Record<string, string>>): boolean {
  return int(pause['exp']) >= now && tx.hget(runKey(pause['run'] ?? ''), 'st') !== undefined;
}

function viewPause(pauseId: string, pause: Readonly<Record<string, string>>): PauseView {
  const view: PauseView = {
    pauseId,
    runId: pause['run'] ?? '',
    functionId: pause['fn'] ?? '',
    kind: pause['kind'] === 'cancel' ? 'cancel' : 'wait',
    createdAt: int(pause['at']),
    expiresAt: int(pause['exp']),
  };
  if (pause['hash'] !== undefined) view.hash = pause['hash'];
  if (pause['expr'] !== undefined) view.expression = pause['expr'];
  return view;
}
