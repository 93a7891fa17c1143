import { cronCursorKey } from './keys.ts';
import { int, whole } from './numbers.ts';
import type { Tx } from './tx.ts';

export interface MoveCronCursorArgs {
  name: string;
  from: number;
  to?: number;
}

/** Answers how far a trigger was fired: `from` when it is new; moved to `to` unless it is there or beyond. 2 commands. */
export function moveCronCursor(tx: Tx, _now: number, args: MoveCronCursorArgs): number {
  const key = cronCursorKey(args.name);
  const stored = tx.hget(key, 'at');
  const known = stored === undefined ? args.from : int(stored);
  const at = args.to !== undefined && args.to > known ? args.to : known;
  if (stored === undefined || at > known) tx.hset(key, { at: whole(at) });
  return at;
}
