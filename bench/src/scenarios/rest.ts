import { setTimeout as pause } from 'node:timers/promises';

import { nowMs } from '../now.ts';
import type { Figure } from '../report/figure.ts';
import { cpuMs, residentMib } from '../server/process-usage.ts';
import type { Scenario } from './scenario.ts';

const NAME = 'rest';
/** After registration the server is left alone for this long before it counts as idle. */
const SETTLE_MS = 2_000;
/** A second and idle process. */
const COMMANDS_PER_PROCESS_MAX = 10;

/** What the server takes while nothing happens. */
export const rest: Scenario = {
  name: NAME,
  measures: 'CPU and memory of an idle server',
  async run({ processes, storeCommands, isQuick }): Promise<Figure[]> {
    await pause(SETTLE_MS);
    const cpuBefore = await Promise.all(processes.map(({ pid }) => cpuMs(pid)));
    const commandsBefore = await storeCommands?.();
    const beganAt = nowMs();
    await pause(isQuick ? 3_000 : 10_000);
    const commandsAfter = await storeCommands?.();
    const elapsedMs = nowMs() - beganAt;
    const figures = processes.map(async ({ name, pid }, i): Promise<Figure[]> => {
      const [before, after, memory] = [cpuBefore[i], await cpuMs(pid), await residentMib(pid)];
      if (before === undefined || after === undefined || memory === undefined) return [];
      const busy = ((after - before) / elapsedMs) * 100;
      return [
        { scenario: NAME, name: `CPU of one core, ${name}`, value: busy, unit: '%', goal: { atMost: 1 } },
        { scenario: NAME, name: `resident memory, ${name}`, value: memory, unit: 'MiB' },
      ];
    });
    return [
      ...(await Promise.all(figures)).flat(),
      ...commands(commandsBefore, commandsAfter, elapsedMs, processes.length),
    ];
  },
};

function commands(
  before: number | undefined,
  after: number | undefined,
  elapsedMs: number,
  processes: number,
): Figure[] {
  if (before === undefined || after === undefined) return [];
  const perSecond = ((after - before) / elapsedMs) * 1_000;
  const goal = { atMost: COMMANDS_PER_PROCESS_MAX * processes };
  return [{ scenario: NAME, name: 'commands to Redis, all processes', value: perSecond, unit: '1/s', goal }];
}
