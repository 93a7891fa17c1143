import { fairnessOf } from '../observe/fairness.ts';
import { disturb } from '../world/arrivals.ts';
import { mergeReports } from './merge-reports.ts';
import { sizedBy, startPlay, type Play } from './play.ts';
import type { Report, Scenario, Sizes } from './scenario.ts';

const KEYS = 200;
const CALL_MS = 5;
const EXECUTORS = 4;
const SLOTS_EACH = 8;
const SHARING = 20;
const SHARED_LIMIT = 8;

/** 200 keys with a limit of one each; the same without a limit, to compare; then a counter that all functions fight for. */
export const keys: Scenario = {
  name: 'keys',
  shows: '200 keys of limit 1 on 32 slots, and 20 functions that all hit one counter whose limit flips',
  play(sizes) {
    const limited = playKeys(sizes, 1);
    const free = playKeys(sizes, undefined);
    const report = limited.report;
    const ratio = limited.perSecond / free.perSecond;
    report.goals.push({ name: 'throughput, of that without a limit', value: ratio, unit: '', goal: { atLeast: 0.85 } });
    return mergeReports(report, playShared(sizes));
  },
};

function startKeys(sizes: Sizes, played: string): Play {
  const executors = sizedBy(sizes, { small: EXECUTORS, full: EXECUTORS }, sizes.executors);
  return startPlay({ scenario: 'keys', played, seed: sizes.seed, executors, slotsEach: SLOTS_EACH });
}

/** Answers the throughput while all keys have something to do. */
function playKeys(sizes: Sizes, limit: number | undefined): { report: Report; perSecond: number } {
  const runs = sizedBy(sizes, { small: 10_000, full: 100_000 }, sizes.jobs);
  const { world, finish } = startKeys(
    sizes,
    `${runs} runs with ${KEYS} keys, ${EXECUTORS} executors of ${SLOTS_EACH} slots`,
  );
  const fn = world.addFunction(
    { functionId: 'keyed', ...(limit !== undefined && { keyed: [limit] }) },
    { callMs: CALL_MS },
  );
  for (let i = 0; i < runs; i++) {
    // Half of the runs are of a tenth of the keys.
    const key = `key-${i % 2 === 0 ? world.random.below(KEYS / 10) : world.random.below(KEYS)}`;
    world.schedule({ fn, tenant: key, group: 'keyed', steps: [], keys: { keyed: [key] } });
  }
  world.measureAnew();
  const from = world.time.now;
  world.time.run(Infinity, () => world.runsEnded < runs / 4);
  const perSecond = (1000 * world.runsEnded) / (world.time.now - from);
  const served = new Map(world.servedTenants);
  const report = finish({ fairness: limit === undefined ? [] : [fairnessOf('keys of limit 1', served)] });
  return { report, perSecond };
}

/** All runs need the one counter, which several functions measure with limits of their own that go up and down. */
function playShared(sizes: Sizes): Report {
  const runs = sizedBy(sizes, { small: 4000, full: 40_000 }, sizes.jobs);
  const { world, finish } = startKeys(sizes, `${runs} runs of ${SHARING} functions that share one counter`);
  const fns = Array.from({ length: SHARING }, (_, i) =>
    world.addFunction({ functionId: `sharing-${i}`, keyed: [SHARED_LIMIT] }, { callMs: CALL_MS }),
  );
  for (let i = 0; i < runs; i++) {
    const fn = world.random.pick(fns);
    const { functionId } = fn.limits;
    world.schedule({
      fn,
      tenant: functionId,
      group: 'shared counter',
      steps: [{ kind: 'call' }],
      keys: { keyed: ['shared'] },
    });
  }
  disturb(world, { everyMs: 50, forMs: runs }, () => {
    const limit = 1 + world.random.below(2 * SHARED_LIMIT);
    for (const fn of fns) world.changeLimits(fn, { keyed: [limit] });
  });
  world.time.run(Infinity, () => world.runsEnded < runs / 2);
  const shares = fairnessOf('functions that share a counter', new Map(world.servedFunctions));
  const goal = {
    name: `Jain's index of ${shares.among}`,
    value: shares.jain,
    unit: '' as const,
    goal: { atLeast: 0.95 },
  };
  return finish({ fairness: [shares], goals: [goal] });
}
