import type { JsonObject } from '@perdure/domain';

import type { BenchApplication } from '../application/bench-application.ts';
import type { CallRecord, FunctionName } from '../application/functions.ts';
import type { EventClient } from '../client/event-client.ts';
import { nowMs } from '../now.ts';
import { CALLS_WAIT_MS_MAX } from './wait-for-calls.ts';

export interface Load {
  fn: FunctionName;
  runs: number;
  /** Runs started and not ended at any time. */
  atOnce: number;
  /** Whether a recorded call is the last of its run. */
  isLast: (call: CallRecord) => boolean;
  /** More data of a run's event. */
  more?: (run: number) => JsonObject;
}

/**
 * Starts `runs` runs, `atOnce` at a time: whenever some end, one request starts as many anew. Answers how long it took
 * from the first event to the last call.
 */
export function keepRunsInFlight(
  {
    application,
    client,
  }: { application: Pick<BenchApplication, 'listen'>; client: Pick<EventClient, 'newRun' | 'send'> },
  load: Load,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const mine = new Set<number>();
    let started = 0;
    let isRefilling = false;
    const beganAt = nowMs();
    const end = (): void => {
      clearTimeout(deadline);
      stopListening();
    };
    const fail = (error: Error): void => {
      end();
      reject(error);
    };
    const refill = (): void => {
      isRefilling = false;
      const count = Math.min(load.atOnce - mine.size, load.runs - started);
      if (count <= 0) return;
      started += count;
      const events = Array.from({ length: count }, () => {
        const run = client.newRun();
        return { fn: load.fn, run, ...(load.more && { more: load.more(run) }) };
      });
      for (const { run } of events) mine.add(run);
      client.send(events).catch(fail);
    };
    const stopListening = application.listen((call) => {
      if (!load.isLast(call) || !mine.delete(call.run)) return;
      if (mine.size === 0 && started === load.runs) {
        end();
        resolve(call.answeredAt - beganAt);
      } else if (!isRefilling) {
        // Calls are reported in batches: refill once for all that ended together.
        isRefilling = true;
        setImmediate(refill);
      }
    });
    const deadline = setTimeout(
      () => fail(new Error(`${started - mine.size} of ${load.runs} runs ended within ${CALLS_WAIT_MS_MAX} ms`)),
      CALLS_WAIT_MS_MAX,
    );
    refill();
  });
}
