import type { JsonObject } from '@perdure/domain';

import type { FunctionName } from '../application/functions.ts';
import type { Bench } from './scenario.ts';
import { waitForCalls } from './wait-for-calls.ts';

const EVENTS_PER_REQUEST = 250;
/** Runs that may be on the way to their first call: what is sent faster than it is served only waits. */
const CHUNK = 2_000;

/** Starts `count` runs and waits for the first call of each. Answers their numbers. */
export async function startMany(
  { application, client }: Bench,
  { fn, count, more }: { fn: FunctionName; count: number; more?: JsonObject },
): Promise<number[]> {
  const runs = Array.from({ length: count }, () => client.newRun());
  for (let from = 0; from < count; from += CHUNK) {
    const chunk = runs.slice(from, from + CHUNK);
    const mine = new Set(chunk);
    const arriving = waitForCalls(application, { count: chunk.length, wanted: (call) => mine.has(call.run) });
    const sending = async (): Promise<void> => {
      for (let i = 0; i < chunk.length; i += EVENTS_PER_REQUEST) {
        const events = chunk.slice(i, i + EVENTS_PER_REQUEST).map((run) => ({ fn, run, ...(more && { more }) }));
        await client.send(events);
      }
    };
    await Promise.all([arriving, sending()]);
  }
  return runs;
}
