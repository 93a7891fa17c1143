import { BareCaller } from '../client/bare-caller.ts';
import { keepRunsInFlight, type Load } from './keep-runs-in-flight.ts';
import { repeatAtOnce } from './repeat-at-once.ts';
import type { Bench } from './scenario.ts';

/** Before the measured load the same kind of load, so that both sides run compiled code. */
export const WARM_UP_SHARE = 0.2;

/** The load through the server, and the same calls straight to the application; both in ms. */
export async function measureLoad(
  bench: Bench,
  load: Load,
  callsPerRun: number,
): Promise<{ served: number; bare: number }> {
  const warmUp: Load = { ...load, runs: Math.ceil(load.runs * WARM_UP_SHARE) };
  await keepRunsInFlight(bench, warmUp);
  const served = await keepRunsInFlight(bench, load);
  const caller = new BareCaller(bench.application.url, load.atOnce);
  try {
    await callBare(caller, warmUp, callsPerRun);
    return { served, bare: await callBare(caller, load, callsPerRun) };
  } finally {
    await caller.close();
  }
}

function callBare(caller: BareCaller, load: Load, callsPerRun: number): Promise<number> {
  return repeatAtOnce({ times: load.runs, atOnce: load.atOnce }, async () => {
    // Run 0 is nobody's: no listener counts these calls.
    for (let stepsDone = 0; stepsDone < callsPerRun; stepsDone++) await caller.call(load.fn, 0, stepsDone);
  });
}
