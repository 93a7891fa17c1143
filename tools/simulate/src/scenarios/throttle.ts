import { arriveInBursts, arrivePoisson } from '../world/arrivals.ts';
import { sizedBy, startPlay } from './play.ts';
import type { Scenario } from './scenario.ts';

const CALL_MS = 20;
const SLOTS_EACH = 16;
const FUNCTIONS = 10;
const KEYS_EACH = 10;
const THROTTLE = { limit: 5, burst: 3, periodMs: 1000 };
const RATE_LIMIT = { limit: 10, periodMs: 1000 };
const SINGLETONS = 20;
const PRIORITY_LIMIT = 4;

/** What holds runs back by time or by name: throttles, rate limits, singletons; and priority in the line. */
export const throttle: Scenario = {
  name: 'throttle',
  shows: 'throttled, rate-limited, singleton and prioritised functions under bursts',
  play(sizes) {
    const executors = sizedBy(sizes, { small: 4, full: 20 }, sizes.executors);
    const forMs = sizedBy(sizes, { small: 10_000, full: 120_000 });
    const { world, finish } = startPlay({
      scenario: 'throttle',
      played: `${FUNCTIONS} functions of ${KEYS_EACH} throttles each and others, ${executors} executors of ${SLOTS_EACH} slots`,
      seed: sizes.seed,
      executors,
      slotsEach: SLOTS_EACH,
    });
    for (let i = 0; i < FUNCTIONS; i++) {
      const fn = world.addFunction(
        { functionId: `throttled-${i}`, throttle: THROTTLE },
        { callMs: CALL_MS, failureRate: 0.05 },
      );
      arriveInBursts(world, { perSecond: 1.2 * THROTTLE.limit * KEYS_EACH, spellMs: 1000, forMs }, () => {
        const bucket = `${fn.limits.functionId}-${world.random.below(KEYS_EACH)}`;
        world.schedule({
          fn,
          tenant: bucket,
          group: 'throttled',
          steps: [{ kind: 'call' }],
          keys: { throttle: bucket },
        });
      });
    }
    const limited = world.addFunction({ functionId: 'rate-limited' }, { callMs: CALL_MS });
    arriveInBursts(world, { perSecond: 20 * RATE_LIMIT.limit, spellMs: 500, forMs }, () => {
      const bucket = `bucket-${world.random.below(KEYS_EACH)}`;
      world.schedule({
        fn: limited,
        tenant: bucket,
        group: 'rate-limited',
        steps: [],
        rateLimit: { bucket, ...RATE_LIMIT },
      });
    });
    for (const mode of ['skip', 'cancel'] as const) {
      const single = world.addFunction({ functionId: `singleton-${mode}` }, { callMs: CALL_MS });
      arrivePoisson(world, { perSecond: 10 * SINGLETONS, forMs }, () => {
        const key = `${mode}-${world.random.below(SINGLETONS)}`;
        const steps = [{ kind: 'sleep' as const, sleepMs: 50 }];
        world.schedule({ fn: single, tenant: key, group: `singleton, ${mode}`, steps, singleton: { key, mode } });
      });
    }
    const ranked = world.addFunction({ functionId: 'ranked', concurrency: PRIORITY_LIMIT }, { callMs: CALL_MS });
    const perSecond = (1000 * PRIORITY_LIMIT) / CALL_MS;
    arrivePoisson(world, { perSecond, forMs }, () => {
      world.schedule({ fn: ranked, tenant: 'ranked', group: 'low priority', steps: [], priority: -600 });
    });
    arrivePoisson(world, { perSecond: 0.2 * perSecond, forMs }, () => {
      world.schedule({ fn: ranked, tenant: 'ranked', group: 'high priority', steps: [], priority: 600 });
    });
    world.time.run(world.time.now + forMs);

    const report = finish({});
    const high = report.waits.find(({ group }) => group === 'high priority');
    report.goals.push({
      name: 'p99 of the waits of high priority',
      value: high?.p99 ?? 0,
      unit: 'ms',
      goal: { atMost: 2 * CALL_MS },
    });
    return report;
  },
};
