import { setTimeout as pause } from 'node:timers/promises';

import { nowMs } from '../now.ts';
import type { Figure } from '../report/figure.ts';
import { cpuMs, residentMib } from '../server/process-usage.ts';
import type { Scenario } from './scenario.ts';

const NAME = 'rest';
/** After registration the server is left alone for this long before it counts as idle. */
const SETTLE_MS = 2_000;

/** What the server takes while nothing happens. */
export const rest: Scenario = {
  name: NAME,
  measures: 'CPU and memory of an idle server',
  async run({ pid, isQuick }): Promise<Figure[]> {
    if (pid === undefined) return [];
    await pause(SETTLE_MS);
    const [cpuBefore, beganAt] = [await cpuMs(pid), nowMs()];
    await pause(isQuick ? 3_000 : 10_000);
    const [cpuAfter, endedAt, memory] = [await cpuMs(pid), nowMs(), await residentMib(pid)];
    if (cpuBefore === undefined || cpuAfter === undefined || memory === undefined) return [];
    const busy = ((cpuAfter - cpuBefore) / (endedAt - beganAt)) * 100;
    return [
      { scenario: NAME, name: 'CPU of one core', value: busy, unit: '%', goal: { atMost: 1 } },
      { scenario: NAME, name: 'resident memory', value: memory, unit: 'MiB' },
    ];
  },
};
