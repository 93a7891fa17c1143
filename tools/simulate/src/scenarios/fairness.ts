import { fairnessOf } from '../observe/fairness.ts';
import { arrivePoisson } from '../world/arrivals.ts';
import type { Step } from '../world/model.ts';
import { sizedBy, startPlay } from './play.ts';
import type { Scenario } from './scenario.ts';

const FUNCTIONS = 50;
/** Every tenth function weighs this much. */
const HEAVY_WEIGHT = 2;
const CALL_MS = 20;
const SLOTS_EACH = 16;
/** Those of the longest run. */
const JOBS_A_TURN = 5;
const PLANS: readonly (readonly Step[])[] = [
  [],
  [{ kind: 'call' }],
  [{ kind: 'call' }, { kind: 'call' }, { kind: 'call' }],
  [{ kind: 'parallel', width: 3 }],
];

/** One account; all of its functions have more to do than there are slots, but a quiet one that has a run now and then. */
export const fairness: Scenario = {
  name: 'fairness',
  shows: '50 busy functions of one account, of different weights and steps, and a quiet one among them',
  play(sizes) {
    const executors = sizedBy(sizes, { small: 4, full: 40 }, sizes.executors);
    const runsEach = Math.ceil(sizedBy(sizes, { small: 10_000, full: 100_000 }, sizes.jobs) / FUNCTIONS);
    const { world, finish } = startPlay({
      scenario: 'fairness',
      played: `${FUNCTIONS} functions of ${runsEach} runs, ${executors} executors of ${SLOTS_EACH} slots`,
      seed: sizes.seed,
      executors,
      slotsEach: SLOTS_EACH,
    });
    const weights = new Map<string, number>();
    for (let i = 0; i < FUNCTIONS; i++) {
      const functionId = `fn-${i}`;
      const weight = i % 10 === 0 ? HEAVY_WEIGHT : 1;
      weights.set(functionId, weight);
      const fn = world.addFunction({ functionId, weight }, { callMs: CALL_MS });
      const steps = PLANS[i % PLANS.length] ?? [];
      for (let n = 0; n < runsEach * weight; n++) world.schedule({ fn, tenant: functionId, group: 'busy', steps });
    }
    const quiet = world.addFunction({ functionId: 'quiet' }, { callMs: CALL_MS });

    // As long as all have a backlog: the functions of one call a run are the first to be through.
    const mostJobs = 0.8 * runsEach * [...weights.values()].reduce((sum, weight) => sum + weight, 0);
    const forMs = (mostJobs / (executors * SLOTS_EACH)) * CALL_MS;
    arrivePoisson(world, { perSecond: 40_000 / forMs, forMs }, () => {
      world.schedule({ fn: quiet, tenant: 'quiet', group: 'quiet', steps: [] });
    });
    world.time.run(Infinity, () => world.jobs < mostJobs);
    world.servedFunctions.delete('quiet');
    const shares = fairnessOf('functions by weight', new Map(world.servedFunctions), weights);

    const report = finish({ fairness: [shares] });
    const quietWaits = report.waits.find(({ group }) => group === 'quiet');
    // One turn of each busy function (runs go on through up to JOBS_A_TURN jobs), and the job that is in the way.
    const turnMs = (FUNCTIONS * JOBS_A_TURN * CALL_MS) / (executors * SLOTS_EACH) + 1.5 * CALL_MS;
    report.goals.push(
      { name: "Jain's index of busy functions", value: shares.jain, unit: '', goal: { atLeast: 0.95 } },
      { name: 'least share of a busy function', value: shares.least, unit: '', goal: { atLeast: 0.8 } },
      { name: 'largest share of a busy function', value: shares.most, unit: '', goal: { atMost: 1.25 } },
      { name: 'longest wait of a quiet run', value: quietWaits?.max ?? 0, unit: 'ms', goal: { atMost: turnMs } },
    );
    return report;
  },
};
