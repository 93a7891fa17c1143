import type { Op } from './op.ts';

/** One page of a reconciliation or of an audit, and what it found. */
export interface Repair {
  op: Op;
  /** Nothing is changed: what is wrong is only said. */
  isAudit: boolean;
  /** What an audit found: a sentence each. */
  problems: string[];
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

export function newRepair(op: Op, isAudit: boolean): Repair {
  return { op, isAudit, problems: [], redriven: [], holders: 0, places: 0, looks: 0, seen: {}, inProgress: {} };
}

/** Something is wrong. Whether it is to be put right: every write of a reconciliation stands behind this question. */
export function mayRepair(repair: Repair, problem: string): boolean {
  if (repair.isAudit) repair.problems.push(problem);
  return !repair.isAudit;
}

export function isFirstLook(repair: Repair, what: string): boolean {
  if (repair.seen[what] === true) return false;
  repair.seen[what] = true;
  return true;
}
