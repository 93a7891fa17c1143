import { mergeReports } from './merge-reports.ts';
import { sizedBy, startPlay } from './play.ts';
import type { Report, Scenario, Sizes } from './scenario.ts';

const CALL_MS = 20;
const THROTTLE = { limit: 20, burst: 0, periodMs: 1000 };
const BUCKET = 'bucket';
/** More than the limit of the throttle asks for: what waits is held back by tokens, and by keys now and then. */
const KEYED = [1];

/** What a start costs with many lanes waiting for one bucket, and with one. */
export const lines: Scenario = {
  name: 'lines',
  shows: 'many keyed lanes that wait for the tokens of one bucket: what a start costs',
  play(sizes) {
    const lanes = sizedBy(sizes, { small: 500, full: 2000 }, sizes.tenants);
    const jobs = sizedBy(sizes, { small: 1000, full: 6000 }, sizes.jobs);
    const single = playLanes(sizes, 1, jobs);
    const many = playLanes(sizes, lanes, jobs);
    const report = mergeReports(many.report, single.report);
    report.goals.push({
      name: `commands of claims per start with ${lanes} lanes; ${single.commands.toFixed(1)} with one`,
      value: many.commands,
      unit: 'commands',
      goal: { atMost: 2 * single.commands },
    });
    return report;
  },
};

function playLanes(sizes: Sizes, lanes: number, jobs: number): { report: Report; commands: number } {
  const executors = sizedBy(sizes, { small: 4, full: 10 }, sizes.executors);
  const { world, finish } = startPlay({
    scenario: 'lines',
    played: `${jobs} runs in ${lanes} lanes of one bucket, ${executors} executors`,
    seed: sizes.seed,
    executors,
    slotsEach: 8,
  });
  const fn = world.addFunction({ functionId: 'throttled', throttle: THROTTLE, keyed: KEYED }, { callMs: CALL_MS });
  for (let n = 0; n < jobs; n++) {
    const keys = { throttle: BUCKET, keyed: [`key-${n % lanes}`] };
    world.schedule({ fn, tenant: `key-${n % lanes}`, group: `${lanes} lanes`, steps: [], keys });
  }
  world.drainOutbox();
  // Each lane is parked once.
  world.time.run(world.time.now + 1000);
  world.store.resetCosts();
  const before = world.jobs;
  world.time.run(Infinity, () => world.runsEnded < jobs);
  const claims = world.store.costs.get('claim')?.commands ?? 0;
  const started = world.jobs - before;
  return { report: finish({}), commands: claims / started };
}
