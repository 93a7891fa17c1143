import type { Figure } from '../report/figure.ts';
import { residentMib } from '../server/process-usage.ts';
import type { Scenario } from './scenario.ts';

/** What the load before it has left: run it last. */
export const memory: Scenario = {
  name: 'memory',
  measures: 'resident memory after the load of the other scenarios',
  async run({ processes }): Promise<Figure[]> {
    const figures = processes.map(async ({ name, pid }): Promise<Figure[]> => {
      const value = await residentMib(pid);
      return value === undefined
        ? []
        : [{ scenario: 'memory', name: `resident memory after load, ${name}`, value, unit: 'MiB' }];
    });
    return (await Promise.all(figures)).flat();
  },
};
