import { findBrokenInvariants } from '@perdure/store/simulation';

import type { Fairness } from '../observe/fairness.ts';
import { IdleSlotsObserver } from '../observe/idle-slots-observer.ts';
import type { SimulatedFunction } from '../world/model.ts';
import { World, type WorldOptions } from '../world/world.ts';
import type { Costs, Goal, Report, Sizes } from './scenario.ts';

/** What has not ended after this long will not. Of virtual time, from the last arrival on. */
const ENDS_WITHIN_MS = 3_600_000;
/** Two ways, a hint and some time besides. */
const GRACE_MS = 20;
/** Larger stores are not dumped. */
const CHECKED_RUNS_MAX = 50_000;
const STUCK_MAX = 5;

export interface Play {
  world: World;
  /** Ends the play when all runs have ended, but those of the functions in `leaves`, and reports. */
  finish: (found: { fairness?: Fairness[]; goals?: Goal[]; leaves?: readonly SimulatedFunction[] }) => Report;
}

export interface PlayOptions extends WorldOptions {
  scenario: string;
  played: string;
  /** How long a slot may stay free while something could use it. */
  graceMs?: number;
}

/** A world, watched from the beginning. */
export function startPlay({ scenario, played, graceMs = GRACE_MS, ...options }: PlayOptions): Play {
  const startedAt = performance.now();
  const world = new World(options);
  const idle = new IdleSlotsObserver(world, graceMs);
  const finish: Play['finish'] = ({ fairness = [], goals = [], leaves = [] }) => {
    const costs = costsOf(world);
    const { jobs } = world;
    const stuck = playToTheEnd(world, leaves);
    return {
      scenario,
      seed: options.seed,
      played,
      virtualMs: world.time.elapsedMs,
      realMs: performance.now() - startedAt,
      jobs,
      runsEnded: world.runsEnded,
      fairness,
      waits: world.waits.summaries(),
      goals,
      violations: world.violations,
      idleSlots: { count: idle.findings.count, examples: idle.findings.examples, looks: idle.looks },
      stuck,
      turnedAway: Object.fromEntries(world.turnedAway),
      costs,
    };
  };
  return { world, finish };
}

export function sizedBy(sizes: Sizes, own: { small: number; full: number }, given?: number): number {
  return given ?? (sizes.isSmall ? own.small : own.full);
}

/** Answers what is left that should not be. */
function playToTheEnd(world: World, leaves: readonly SimulatedFunction[]): string[] {
  if (leaves.length === 0) world.time.run(world.time.now + ENDS_WITHIN_MS, () => world.live.size > 0);
  const left = [...world.live.values()].filter(({ fn }) => !leaves.includes(fn)).slice(0, STUCK_MAX);
  const stuck = left.map(
    ({ runId, fn, hasStarted, done, readySince }) =>
      `run ${runId} of ${fn.limits.functionId}: ${hasStarted ? `${done} steps done` : 'not started'}, ${readySince.length} jobs ready`,
  );
  world.drainOutbox();
  const isChecked = leaves.length === 0 && world.runsEnded <= CHECKED_RUNS_MAX;
  return isChecked ? [...stuck, ...findBrokenInvariants(world.store.dump()).slice(0, STUCK_MAX)] : stuck;
}

function costsOf({ store, jobs }: World): Costs {
  const costs = [...store.costs];
  const sum = (of: 'calls' | 'commands'): number => costs.reduce((total, [, cost]) => total + cost[of], 0);
  return {
    operationsPerJob: sum('calls') / jobs,
    commandsPerJob: sum('commands') / jobs,
    byOperation: Object.fromEntries(costs.map(([name, cost]) => [name, { ...cost }])),
  };
}
