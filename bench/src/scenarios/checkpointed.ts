import { BenchApplication } from '../application/bench-application.ts';
import { STEPS_PER_RUN } from '../application/functions.ts';
import type { Figure } from '../report/figure.ts';
import { perSecond } from '../report/statistics.ts';
import { keepRunsInFlight, type Load } from './keep-runs-in-flight.ts';
import { WARM_UP_SHARE } from './measure-load.ts';
import type { Scenario } from './scenario.ts';

const NAME = 'checkpointed';

/** The real SDK, as it comes: it goes on with the next step at once and reports what is done meanwhile. */
export const checkpointed: Scenario = {
  name: NAME,
  measures: 'steps a second of ten sequential steps with the SDK for TypeScript, version 4',
  async run(bench): Promise<Figure[]> {
    const load: Load = { fn: 'checkpointed', runs: bench.isQuick ? 100 : 1_000, atOnce: 32, isLast: () => true };
    const application = await BenchApplication.start(bench.signingKey, 'sdk');
    try {
      await application.register(bench.apiUrl);
      const ends = { application, client: bench.client };
      await keepRunsInFlight(ends, { ...load, runs: Math.ceil(load.runs * WARM_UP_SHARE) });
      const elapsedMs = await keepRunsInFlight(ends, load);
      const value = perSecond(load.runs * STEPS_PER_RUN, elapsedMs);
      return [{ scenario: NAME, name: 'checkpointed steps of 32 runs at once', value, unit: '1/s' }];
    } finally {
      await application.stop();
    }
  },
};
