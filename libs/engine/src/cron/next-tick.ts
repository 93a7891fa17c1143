import type { EpochMs } from '@perdure/domain';
import { parseCron } from './cron-schedule.ts';

/** When a registered cron trigger is due next after `at`, without its jitter; undefined when it never is again. */
export function nextTickAt(cron: string, at: EpochMs): EpochMs | undefined {
  return parseCron(cron).nextAfter(at);
}
