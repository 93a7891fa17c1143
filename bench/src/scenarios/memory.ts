import type { Figure } from '../report/figure.ts';
import { residentMib } from '../server/process-usage.ts';
import type { Scenario } from './scenario.ts';

/** What the load before it has left: run it last. */
export const memory: Scenario = {
  name: 'memory',
  measures: 'resident memory after the load of the other scenarios',
  async run({ pid }): Promise<Figure[]> {
    const resident = pid === undefined ? undefined : await residentMib(pid);
    if (resident === undefined) return [];
    return [{ scenario: 'memory', name: 'resident memory after load', value: resident, unit: 'MiB' }];
  },
};
