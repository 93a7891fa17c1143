import { DEPTH_LANES_MAX } from './bounds.ts';
import { laneJobsKey, LANES } from './keys.ts';
import { readyAtOf } from './start-jobs.ts';
import type { Tx } from './tx.ts';

export interface QueueDepthsArgs {
  /** The place of the last lane looked at; 0 for the first page. */
  after: number;
  lanesMax: number;
}

export interface FunctionDepth {
  functionId: string;
  jobs: number;
  /** Since when the one that waits longest is ready, of those whose turn is next in their lanes; 0 where that is lost. */
  oldestReadyAt: number;
}

export interface QueueDepthsPage {
  functions: FunctionDepth[];
  after: number;
  isLast: boolean;
}

/**
 * Ready jobs by function, of one page of lanes in the order of their creation: a function with many lanes comes on several pages.
 * Changes nothing. One command a lane that is empty, 3 for others.
 */
export function queueDepths(tx: Tx, _now: number, args: QueueDepthsArgs): QueueDepthsPage {
  const lanesMax = Math.min(args.lanesMax, DEPTH_LANES_MAX);
  const lanes = tx.zafter(LANES, args.after, lanesMax);
  const page: QueueDepthsPage = { functions: [], after: args.after, isLast: lanes.length < lanesMax };
  const depths: Record<string, FunctionDepth> = {};
  for (const [laneId, seq] of lanes) {
    page.after = seq;
    const first = tx.zfirst(laneJobsKey(laneId), 1)[0];
    if (first !== undefined) {
      const depth = depthOf(page, depths, laneId.substring(0, laneId.indexOf('|')));
      depth.jobs += tx.zcard(laneJobsKey(laneId));
      // A record that is lost, which a reconciliation finds, says nothing.
      const readyAt = readyAtOf(tx, first[0]);
      const isOldest = depth.oldestReadyAt === 0 || readyAt < depth.oldestReadyAt;
      if (readyAt > 0 && isOldest) depth.oldestReadyAt = readyAt;
    }
  }
  return page;
}

function depthOf(page: QueueDepthsPage, depths: Record<string, FunctionDepth>, functionId: string): FunctionDepth {
  const known = depths[functionId];
  if (known !== undefined) return known;
  const depth: FunctionDepth = { functionId, jobs: 0, oldestReadyAt: 0 };
  depths[functionId] = depth;
  page.functions.push(depth);
  return depth;
}
