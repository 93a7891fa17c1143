import { fairnessOf, type Fairness } from '../observe/fairness.ts';
import type { SimulatedFunction } from '../world/model.ts';
import type { World } from '../world/world.ts';
import { mergeReports } from './merge-reports.ts';
import { sizedBy, startPlay } from './play.ts';
import type { Report, Scenario, Sizes } from './scenario.ts';

const CALL_MS = 20;
const SLOTS_EACH = 8;
const DRAIN_PAGE = 1000;
/** The same, with this part of the jobs, to compare. */
const SMALL_PART = 0.01;

/** What a claim costs with a backlog, and with one of a hundred times as many jobs and the same tenants. */
export const million: Scenario = {
  name: 'million',
  shows: 'a million queued jobs of 10,000 tenants: what a claim costs, and how fair the backlog is drained',
  play(sizes) {
    const jobs = sizedBy(sizes, { small: 100_000, full: 1_000_000 }, sizes.jobs);
    const small = playBacklog(sizes, Math.ceil(jobs * SMALL_PART));
    const large = playBacklog(sizes, jobs);
    const report = mergeReports(large.report, small.report);
    const before = small.claim;
    const after = large.claim;
    report.goals.push(
      {
        name: `commands of a claim per job; ${before.commands.toFixed(1)} with ${Math.ceil(jobs * SMALL_PART)} queued`,
        value: after.commands,
        unit: 'commands',
        goal: { atMost: 1.1 * before.commands },
      },
      {
        name: `real time of a claim per job; ${before.realUs.toFixed(1)} with ${Math.ceil(jobs * SMALL_PART)} queued`,
        value: after.realUs,
        unit: 'us',
        goal: { atMost: 3 * before.realUs },
      },
    );
    return report;
  },
};

interface ClaimCost {
  commands: number;
  realUs: number;
}

function playBacklog(sizes: Sizes, jobs: number): { report: Report; claim: ClaimCost } {
  const count = sizedBy(sizes, { small: 1000, full: 10_000 }, sizes.tenants);
  const executors = sizedBy(sizes, { small: 4, full: 80 }, sizes.executors);
  const drained = Math.min(Math.ceil(jobs / 2), 5 * count);
  const { world, finish } = startPlay({
    scenario: 'million',
    played: `${jobs} jobs of ${count} accounts, ${drained} of them drained by ${executors} executors of ${SLOTS_EACH} slots`,
    seed: sizes.seed,
    executors,
    slotsEach: SLOTS_EACH,
  });
  const fns = queue(world, jobs, count);
  world.time.run(Infinity, () => world.runsEnded < Math.min(1000, drained / 10));
  world.store.resetCosts();
  const jobsBefore = world.jobs;
  world.time.run(Infinity, () => world.jobs < drained);
  const shares = sharesOf(world, fns);
  const goal = {
    name: `Jain's index of ${shares.among}`,
    value: shares.jain,
    unit: '' as const,
    goal: { atLeast: 0.95 },
  };
  // With fewer jobs most accounts have nothing to do.
  const isShared = jobs >= 10 * count;
  const claim = world.store.costs.get('claim') ?? { calls: 0, commands: 0, realMs: 0 };
  const report = finish({
    fairness: isShared ? [shares] : [],
    goals: isShared ? [goal] : [],
    leaves: fns,
  });
  const claimed = drained - jobsBefore;
  return { report, claim: { commands: claim.commands / claimed, realUs: (1000 * claim.realMs) / claimed } };
}

/** Half of the accounts have ten times as much as the others. */
function queue(world: World, jobs: number, count: number): SimulatedFunction[] {
  const fns = Array.from({ length: count }, (_, i) =>
    world.addFunction({ functionId: `fn-${i}`, accountId: `account-${i}` }, { callMs: CALL_MS }),
  );
  const accounts = fns.map((fn, i) => ({ fn, tenant: `account-${i}` }));
  const large = accounts.filter((_, i) => i % 2 === 0);
  for (let n = 0; n < jobs; n++) {
    const { fn, tenant } =
      n % 11 === 0
        ? (accounts[(2 * Math.floor(n / 11) + 1) % count] ?? world.random.pick(accounts))
        : world.random.pick(large);
    world.schedule({ fn, tenant, group: 'backlog', steps: [] });
    if (n % DRAIN_PAGE === 0) world.drainOutbox();
  }
  world.drainOutbox();
  return fns;
}

/** Of accounts that had something to do all the time. */
function sharesOf(world: World, fns: readonly SimulatedFunction[]): Fairness {
  const waiting = new Set([...world.ready.groups.values()].map(({ run }) => run.fn));
  const served = fns
    .filter((fn) => waiting.has(fn))
    .map((fn): [string, number] => [fn.limits.accountId, world.servedTenants.get(fn.limits.accountId) ?? 0]);
  return fairnessOf('accounts with a backlog', new Map(served));
}
