import { FIND_PAUSES_MAX } from './bounds.ts';
import { anchoredPausesKey, pauseKey, pausePathsKey, runKey, unanchoredPausesKey } from './keys.ts';
import { int, whole } from './numbers.ts';
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
  const counts = tx.hgetall(pausePathsKey(args.envId, args.event));
  if (counts === undefined) return { hasPauses: false, paths: [] };
  const paths: string[] = [];
  for (const name of Object.keys(counts)) {
    if (name !== 'n') paths.push(name.substring(2));
  }
  return { hasPauses: true, paths };
}

export interface FindPausesArgs {
  envId: string;
  event: string;
  anchors: string[];
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
 * registration. Expired ones and those of ended runs are left out, so a page may be short; the last has no cursor.
 */
export function findPauses(tx: Tx, now: number, args: FindPausesArgs): { pauses: PauseView[]; cursor?: string } {
  const keys: string[] = [];
  for (const anchor of args.anchors) keys.push(anchoredPausesKey(args.envId, args.event, anchor));
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
      const pause = viewPause(tx, now, pauseId);
      if (pause !== undefined) pauses.push(pause);
      after = seq;
    }
    looked += page.length;
    if (looked >= max) return { pauses, cursor: whole(index) + '.' + whole(after) };
    index += 1;
    after = 0;
  }
  return { pauses };
}

function viewPause(tx: Tx, now: number, pauseId: string): PauseView | undefined {
  const pause = tx.hgetall(pauseKey(pauseId));
  if (pause === undefined || int(pause['exp']) < now) return undefined;
  const runId = pause['run'] ?? '';
  if (tx.hget(runKey(runId), 'st') === undefined) return undefined;
  const view: PauseView = {
    pauseId,
    runId,
    functionId: pause['fn'] ?? '',
    kind: pause['kind'] === 'cancel' ? 'cancel' : 'wait',
    createdAt: int(pause['at']),
    expiresAt: int(pause['exp']),
  };
  if (pause['hash'] !== undefined) view.hash = pause['hash'];
  if (pause['expr'] !== undefined) view.expression = pause['expr'];
  return view;
}
