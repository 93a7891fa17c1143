import type { Op } from './op.ts';

/** One page of a reconciliation, and what it found. */
export interface Repair {
  op: Op;
  redriven: string[];
  /** Holders of counters that were released. */
  holders: number;
  /** Everything else that was put right. */
  places: number;
  /** Things looked at: what bounds a page, whatever its entries are. */
  looks: number;
  /** What need not be looked at again in this page. */
  seen: Record<string, boolean>;
  /** By run: its holders of counters. */
  inProgress: Record<string, Record<string, boolean>>;
}

export function newRepair(op: Op): Repair {
  return { op, redriven: [], holders: 0, places: 0, looks: 0, seen: {}, inProgress: {} };
}

export function isFirstLook(repair: Repair, what: string): boolean {
  if (repair.seen[what] === true) return false;
  repair.seen[what] = true;
  return true;
}
