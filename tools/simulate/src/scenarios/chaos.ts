import { disturb, arriveInBursts, arrivePoisson } from '../world/arrivals.ts';
import type { NewRun, SimulatedFunction, Step } from '../world/model.ts';
import type { World } from '../world/world.ts';
import { sizedBy, startPlay } from './play.ts';
import type { Scenario } from './scenario.ts';

const CALL_MS = 20;
const SLOTS_EACH = 4;
const FUNCTIONS = 30;
const ACCOUNTS = 5;
const KEYS = 12;
const LEASE_MS = 3000;
const ACCOUNT_LIMIT = 40;
const THROTTLE = { limit: 50, burst: 5, periodMs: 1000 };
/** Hints get lost, so that only what executors do by themselves, every half second, is sure. */
const HINTS_LOST = 0.3;
const GRACE_MS = 1500;

/** All at once, while executors die, stop and come back, hints get lost, limits flip and functions are paused. */
export const chaos: Scenario = {
  name: 'chaos',
  shows: 'every limit at once, while executors die and freeze, hints get lost, limits flip and functions are paused',
  play(sizes) {
    const executors = sizedBy(sizes, { small: 20, full: 1000 }, sizes.executors);
    const jobs = sizedBy(sizes, { small: 4000, full: 300_000 }, sizes.jobs);
    const perSecond = 0.25 * executors * SLOTS_EACH * (1000 / CALL_MS) * 0.3;
    const forMs = (1000 * jobs) / (2.5 * perSecond);
    const { world, finish } = startPlay({
      scenario: 'chaos',
      played: `${FUNCTIONS} functions of ${ACCOUNTS} accounts, ${executors} executors of ${SLOTS_EACH} slots`,
      seed: sizes.seed,
      executors,
      slotsEach: SLOTS_EACH,
      hintsLost: HINTS_LOST,
      leaseMs: LEASE_MS,
      graceMs: GRACE_MS,
    });
    const accountLimit = Math.ceil(ACCOUNT_LIMIT * (executors / 20));
    for (let i = 0; i < ACCOUNTS; i++) world.limitAccount(`account-${i}`, accountLimit);
    const fns = Array.from({ length: FUNCTIONS }, (_, i) => addFunction(world, i, executors));
    arrivePoisson(
      world,
      { perSecond: 0.7 * perSecond, forMs },
      () => void world.schedule(aRun(world, world.random.pick(fns))),
    );
    arriveInBursts(world, { perSecond: 0.3 * perSecond, spellMs: 500, forMs }, () => {
      world.schedule(aRun(world, fns[0] ?? world.random.pick(fns)));
    });
    disturbAll(world, { fns, forMs, accountLimit });
    world.time.run(world.time.now + forMs);
    for (const fn of fns) if (fn.isPaused) world.pause(fn, false);
    return finish({});
  },
};

/** Every kind of limit, some together. Keys are shared between the functions of an account. */
function addFunction(world: World, place: number, executors: number): SimulatedFunction {
  const limits = {
    functionId: `fn-${place}`,
    accountId: `account-${place % ACCOUNTS}`,
    concurrency: place % 3 === 0 ? Math.max(2, Math.ceil(executors / 4)) : 1000,
    keyed: place % 2 === 0 ? [2, 5] : [],
    ...(place % 5 === 0 && { run: 3 }),
    ...(place % 7 === 0 && { throttle: THROTTLE }),
  };
  return world.addFunction(limits, { callMs: CALL_MS, failureRate: 0.02 });
}

function aRun(world: World, fn: SimulatedFunction): NewRun {
  const { functionId, accountId, keyed, run, throttle } = fn.limits;
  const { random } = world;
  const keys = {
    ...(keyed.length > 0 && { keyed: [`${accountId}-a${random.below(KEYS)}`, `${accountId}-b${random.below(KEYS)}`] }),
    ...(run !== undefined && { run: `${functionId}-r${random.below(KEYS)}` }),
    ...(throttle && { throttle: `${functionId}-t` }),
  };
  const steps = Array.from({ length: random.below(4) }, () => aStep(world));
  return {
    fn,
    tenant: accountId,
    group: 'runs',
    steps,
    keys,
    ...(random.chance(0.1) && { delayMs: random.between(0, 3000) }),
  };
}

function aStep({ random }: World): Step {
  if (random.chance(0.2)) return { kind: 'sleep', sleepMs: random.between(1, 2000) };
  return random.chance(0.2) ? { kind: 'parallel', width: 2 + random.below(3) } : { kind: 'call' };
}

function disturbAll(
  world: World,
  { fns, forMs, accountLimit }: { fns: readonly SimulatedFunction[]; forMs: number; accountLimit: number },
): void {
  const { random, executors } = world;
  // Of each kind about two at each executor, or as many as there is time for.
  const everyMs = Math.max(20, forMs / (2 * executors.length));
  disturb(world, { everyMs, forMs }, () => random.pick(executors).die(random.between(10, 500)));
  disturb(world, { everyMs, forMs }, () => random.pick(executors).leave(random.between(10, 500)));
  disturb(world, { everyMs, forMs }, () => random.pick(executors).freeze(random.between(0, 2 * LEASE_MS)));
  disturb(world, { everyMs: forMs / 40, forMs }, () => {
    const fn = random.pick(fns);
    world.pause(fn, !fn.isPaused);
  });
  disturb(world, { everyMs: forMs / 200, forMs }, () => {
    const fn = random.pick(fns);
    const keyed = fn.limits.keyed.map(() => 1 + random.below(6));
    world.changeLimits(fn, { keyed, concurrency: 1 + random.below(2 * accountLimit) });
  });
  disturb(world, { everyMs: forMs / 50, forMs }, () => {
    world.limitAccount(`account-${random.below(ACCOUNTS)}`, 1 + random.below(2 * accountLimit));
  });
}
