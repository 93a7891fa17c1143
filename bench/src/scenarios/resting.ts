import { setTimeout as pause } from 'node:timers/promises';

import { nowMs } from '../now.ts';
import type { Figure } from '../report/figure.ts';
import { cpuMs, residentMib } from '../server/process-usage.ts';
import { untilQuiet } from '../server/until-quiet.ts';
import type { Scenario } from './scenario.ts';
import { startMany } from './start-many.ts';

const NAME = 'resting';
const SLEEPERS = 100_000;
/** Longer than any benchmark. */
const SLEEP_MS = 6 * 3_600_000;
/** History is written behind the runs: it may take a while after they sleep. */
const QUIET_ROUNDS_MAX = 10;
const MEASURED_MS = 20_000;

/** What the server takes while very many runs sleep. Leaves them behind: nothing else may be measured afterwards. */
export const resting: Scenario = {
  name: NAME,
  measures: 'CPU and memory while 100,000 runs sleep (not with --quick)',
  async run(bench): Promise<Figure[]> {
    const { processes, isQuick } = bench;
    if (isQuick || processes.length === 0) return [];
    await startMany(bench, { fn: 'rester', count: SLEEPERS, more: { until: Date.now() + SLEEP_MS } });
    for (let round = 0; round < QUIET_ROUNDS_MAX; round++) await untilQuiet(processes.map(({ pid }) => pid));
    const before = await Promise.all(processes.map(({ pid }) => cpuMs(pid)));
    const beganAt = nowMs();
    await pause(MEASURED_MS);
    const elapsedMs = nowMs() - beganAt;
    const figures = processes.map(async ({ name, pid }, i): Promise<Figure[]> => {
      const [cpuBefore, cpuAfter, memory] = [before[i], await cpuMs(pid), await residentMib(pid)];
      if (cpuBefore === undefined || cpuAfter === undefined || memory === undefined) return [];
      const busy = ((cpuAfter - cpuBefore) / elapsedMs) * 100;
      return [
        {
          scenario: NAME,
          name: `CPU while ${SLEEPERS} runs sleep, ${name}`,
          value: busy,
          unit: '%',
          goal: { atMost: 1 },
        },
        { scenario: NAME, name: `resident memory meanwhile, ${name}`, value: memory, unit: 'MiB' },
      ];
    });
    return (await Promise.all(figures)).flat();
  },
};
