import type { BenchApplication } from '../application/bench-application.ts';
import type { CallRecord } from '../application/functions.ts';

/** No scenario waits longer than this for the calls it caused. */
export const CALLS_WAIT_MS_MAX = 120_000;

/**
 * Collects calls that are `wanted` until there are `count` of them. Listens from the moment of this call: start it
 * before causing the calls. Fails after `waitMs` and says how many came.
 */
export function waitForCalls(
  application: Pick<BenchApplication, 'listen'>,
  {
    count,
    wanted,
    waitMs = CALLS_WAIT_MS_MAX,
  }: { count: number; wanted: (call: CallRecord) => boolean; waitMs?: number },
): Promise<CallRecord[]> {
  return new Promise((resolve, reject) => {
    const calls: CallRecord[] = [];
    const end = (): void => {
      clearTimeout(deadline);
      stopListening();
    };
    const stopListening = application.listen((call) => {
      if (!wanted(call) || calls.push(call) < count) return;
      end();
      resolve(calls);
    });
    const deadline = setTimeout(() => {
      end();
      reject(new Error(`${calls.length} of ${count} calls came within ${waitMs} ms`));
    }, waitMs);
  });
}
