import { setTimeout as pause } from 'node:timers/promises';

import { STEPS_PER_RUN, type CallRecord } from '../application/functions.ts';
import { BareCaller } from '../client/bare-caller.ts';
import { nowMs } from '../now.ts';
import type { Figure } from '../report/figure.ts';
import { percentile } from '../report/statistics.ts';
import type { Bench, Scenario } from './scenario.ts';
import { waitForCalls } from './wait-for-calls.ts';

const NAME = 'latency';
const FN = 'traced-steps';
const CALLS_PER_RUN = STEPS_PER_RUN + 1;
const RUN_WAIT_MS = 30_000;
/** Between runs: the server finishes what a run leaves behind and is at rest again. */
const REST_MS = 25;
/** In ms: the median to the first call, its 99th percentile, the median from step to step. */
const GOALS = {
  embedded: { toFirstCall: 4, toFirstCallLate: 25, stepToStep: 2 },
  services: { toFirstCall: 12, toFirstCallLate: undefined, stepToStep: 5 },
} as const;

interface Samples {
  /** From sending the event, or the bare call, to its arrival at the application. */
  toFirstCall: number[];
  /** From the application's answer to the arrival of the next call. */
  stepToStep: number[];
}

/** One run at a time on an otherwise idle server: ten sequential steps. */
export const latency: Scenario = {
  name: NAME,
  measures: 'event to first call, and step to step, at rest',
  async run(bench): Promise<Figure[]> {
    const runs = bench.isQuick ? 40 : 200;
    await measure(bench, Math.ceil(runs / 10), runThroughServer(bench));
    const served = await measure(bench, runs, runThroughServer(bench));
    const caller = new BareCaller(bench.application.url, 1);
    const bare = await measure(bench, runs, runBare(caller));
    await caller.close();
    const goals = bench.topology === 'embedded' ? GOALS.embedded : GOALS.services;
    return [
      figure('event to first call, p50', served.toFirstCall, bare.toFirstCall, 0.5, goals.toFirstCall),
      figure('event to first call, p99', served.toFirstCall, bare.toFirstCall, 0.99, goals.toFirstCallLate),
      figure('step to step, p50', served.stepToStep, bare.stepToStep, 0.5, goals.stepToStep),
      figure('step to step, p99', served.stepToStep, bare.stepToStep, 0.99),
    ];
  },
};

async function measure(bench: Bench, runs: number, startRun: (run: number) => Promise<void>): Promise<Samples> {
  const samples: Samples = { toFirstCall: [], stepToStep: [] };
  for (let i = 0; i < runs; i++) {
    const run = bench.client.newRun();
    const wanted = (call: CallRecord): boolean => call.run === run;
    const arriving = waitForCalls(bench.application, { count: CALLS_PER_RUN, wanted, waitMs: RUN_WAIT_MS });
    const sentAt = nowMs();
    const [calls] = await Promise.all([arriving, startRun(run)]);
    collect(samples, calls, sentAt);
    await pause(REST_MS);
  }
  return samples;
}

function collect(samples: Samples, calls: readonly CallRecord[], sentAt: number): void {
  let previous: CallRecord | undefined;
  for (const call of calls) {
    if (previous === undefined) samples.toFirstCall.push(call.arrivedAt - sentAt);
    else samples.stepToStep.push(call.arrivedAt - previous.answeredAt);
    previous = call;
  }
}

function runThroughServer({ client }: Bench): (run: number) => Promise<void> {
  return (run) => client.send([{ fn: FN, run }]);
}

function runBare(caller: BareCaller): (run: number) => Promise<void> {
  return async (run) => {
    for (let stepsDone = 0; stepsDone < CALLS_PER_RUN; stepsDone++) await caller.call(FN, run, stepsDone);
  };
}

function figure(name: string, served: number[], bare: number[], share: number, atMost?: number): Figure {
  return {
    scenario: NAME,
    name,
    value: percentile(served, share),
    unit: 'ms',
    ceiling: percentile(bare, share),
    ...(atMost !== undefined && { goal: { atMost } }),
  };
}
