import { STEPS_PER_RUN, type CallRecord } from '../application/functions.ts';
import type { Figure } from '../report/figure.ts';
import { perSecond } from '../report/statistics.ts';
import type { Load } from './keep-runs-in-flight.ts';
import { measureLoad, WARM_UP_SHARE } from './measure-load.ts';
import type { Scenario } from './scenario.ts';

const NAME = 'parallel';
/** One that plans the steps, one for each of them, one that finds all of them done. */
const CALLS_PER_RUN = STEPS_PER_RUN + 2;

/** Runs of ten steps at once, and how many calls that takes. */
export const parallel: Scenario = {
  name: NAME,
  measures: 'steps a second of ten parallel steps, and the calls of such a run',
  async run(bench): Promise<Figure[]> {
    const load: Load = {
      fn: 'parallel-steps',
      runs: bench.isQuick ? 200 : 1_000,
      atOnce: 32,
      isLast: (call) => call.stepsDone === STEPS_PER_RUN,
    };
    let calls = 0;
    // Run 0 is nobody's: those are the bare calls.
    const stopCounting = bench.application.listen((call: CallRecord) => {
      if (call.fn === 'parallel-steps' && call.run !== 0) calls += 1;
    });
    const { served, bare } = await measureLoad(bench, load, CALLS_PER_RUN);
    stopCounting();
    const runs = load.runs + Math.ceil(load.runs * WARM_UP_SHARE);
    return [
      {
        scenario: NAME,
        name: 'parallel steps of 32 runs at once',
        value: perSecond(load.runs * STEPS_PER_RUN, served),
        unit: '1/s',
        ceiling: perSecond(load.runs * STEPS_PER_RUN, bare),
      },
      { scenario: NAME, name: 'calls of a run', value: calls / runs, unit: 'calls', goal: { atMost: CALLS_PER_RUN } },
    ];
  },
};
