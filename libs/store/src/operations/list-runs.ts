import { ANSWER_BYTES_MAX, LIST_RUNS_LOOKS_MAX } from './bounds.ts';
import { int } from './numbers.ts';
import { eventsKey, runKey, RUNS } from './keys.ts';
import type { Tx } from './tx.ts';

export interface ListRunsArgs {
  functionId: string;
  /** The place of the last run looked at; 0 for the first page. */
  after: number;
  /** Live runs looked at, of whatever function. */
  looksMax: number;
  withEvents: boolean;
}

export interface RunsPage {
  runs: { runId: string; scheduledAt: number; events: string }[];
  /** Where the next page begins. */
  after: number;
  /** No run was created after the last one looked at, so far. */
  isLast: boolean;
}

/**
 * Live runs of one function in the order of their creation, a page at a time; changes nothing. A run that is created after
 * the last page comes in a page after it. One command a run looked at, 2 or 3 for those of the function.
 */
export function listRuns(tx: Tx, _now: number, args: ListRunsArgs): RunsPage {
  const looksMax = Math.min(args.looksMax, LIST_RUNS_LOOKS_MAX);
  const looked = tx.zafter(RUNS, args.after, looksMax);
  const page: RunsPage = { runs: [], after: args.after, isLast: looked.length < looksMax };
  let bytes = 0;
  for (const [runId, seq] of looked) {
    if (tx.hget(runKey(runId), 'fn') === args.functionId) {
      bytes += args.withEvents ? int(tx.hget(runKey(runId), 'eb')) : 0;
      if (bytes > ANSWER_BYTES_MAX && page.runs.length > 0) {
        page.isLast = false;
        return page;
      }
      const scheduledAt = int(tx.hget(runKey(runId), 'sched'));
      page.runs.push({ runId, scheduledAt, events: args.withEvents ? (tx.get(eventsKey(runId)) ?? '') : '' });
    }
    page.after = seq;
  }
  return page;
}
