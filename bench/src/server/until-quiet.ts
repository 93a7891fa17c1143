import { setTimeout as pause } from 'node:timers/promises';

import { cpuOfAll } from './process-usage.ts';

const SAMPLE_MS = 250;
const WAIT_MS_MAX = 30_000;
/** Of one core, over a sample. */
const QUIET_SHARE = 0.2;

/**
 * Waits until the processes of the server have done what the load before left behind (events to match, history to write), so that it is
 * not counted against the next scenario. Gives up after 30 s; without /proc it does not wait. Answers whether they are quiet.
 */
export async function untilQuiet(pids: readonly number[]): Promise<boolean> {
  let before = await cpuOfAll(pids);
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX && before !== undefined; waitedMs += SAMPLE_MS) {
    await pause(SAMPLE_MS);
    const after = await cpuOfAll(pids);
    if (after === undefined || after - before < SAMPLE_MS * QUIET_SHARE) return true;
    before = after;
  }
  return before === undefined;
}
