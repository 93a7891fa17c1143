import { STEPS_PER_RUN } from '../application/functions.ts';
import { nowMs } from '../now.ts';
import type { Figure } from '../report/figure.ts';
import { perSecond } from '../report/statistics.ts';
import { cpuMs } from '../server/process-usage.ts';
import { keepRunsInFlight, type Load } from './keep-runs-in-flight.ts';
import { measureLoad, WARM_UP_SHARE } from './measure-load.ts';
import type { Bench, Scenario } from './scenario.ts';

export const runs: Scenario = {
  name: 'runs',
  measures: 'runs a second of a function with one call',
  async run(bench): Promise<Figure[]> {
    const load: Load = { fn: 'one-call', runs: bench.isQuick ? 2_000 : 10_000, atOnce: 128, isLast: () => true };
    const { served, bare } = await measureLoad(bench, load, 1);
    return [
      {
        scenario: 'runs',
        name: 'one-call runs, 128 at once',
        value: perSecond(load.runs, served),
        unit: '1/s',
        ceiling: perSecond(load.runs, bare),
      },
    ];
  },
};

export const steps: Scenario = {
  name: 'steps',
  measures: 'steps a second of ten sequential steps, 32 runs at once',
  async run(bench): Promise<Figure[]> {
    const load = stepsLoad(bench);
    const cpuBefore = await cpuOf(bench);
    const beganAt = nowMs();
    const { served, bare } = await measureLoad(bench, load, STEPS_PER_RUN + 1);
    const elapsedMs = nowMs() - beganAt;
    const cpuAfter = await cpuOf(bench);
    return [
      {
        scenario: 'steps',
        name: 'steps of 32 runs at once',
        value: perSecond(load.runs * STEPS_PER_RUN, served),
        unit: '1/s',
        ceiling: perSecond(load.runs * STEPS_PER_RUN, bare),
        ...(bench.topology === 'embedded' && { goal: { atLeast: 4_000 } }),
      },
      ...bench.processes.map(({ name }, i): Figure => {
        const value = (((cpuAfter[i] ?? 0) - (cpuBefore[i] ?? 0)) / elapsedMs) * 100;
        return { scenario: 'steps', name: `CPU of one core meanwhile, ${name}`, value, unit: '%' };
      }),
    ];
  },
};

/** Where executors are processes of their own: the same load with one of them and with two. */
export const executors: Scenario = {
  name: 'executors',
  measures: 'what a second executor adds',
  async run(bench): Promise<Figure[]> {
    if (bench.addExecutor === undefined) return [];
    const load = stepsLoad(bench);
    const one = await keepRunsInFlight(bench, load);
    await bench.addExecutor();
    await keepRunsInFlight(bench, { ...load, runs: Math.ceil(load.runs * WARM_UP_SHARE) });
    const two = await keepRunsInFlight(bench, load);
    const perSecondOf = (ms: number): number => perSecond(load.runs * STEPS_PER_RUN, ms);
    return [
      { scenario: 'executors', name: 'steps with one executor', value: perSecondOf(one), unit: '1/s' },
      { scenario: 'executors', name: 'steps with two executors', value: perSecondOf(two), unit: '1/s' },
    ];
  },
};

function stepsLoad({ isQuick }: Bench): Load {
  return {
    fn: 'steps',
    runs: isQuick ? 300 : 1_500,
    atOnce: 32,
    isLast: (call) => call.stepsDone === STEPS_PER_RUN,
  };
}

async function cpuOf({ processes }: Bench): Promise<number[]> {
  return Promise.all(processes.map(async ({ pid }) => (await cpuMs(pid)) ?? 0));
}
