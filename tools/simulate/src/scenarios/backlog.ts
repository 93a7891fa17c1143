import { disturb } from '../world/arrivals.ts';
import { sizedBy, startPlay } from './play.ts';
import type { Scenario } from './scenario.ts';

const CALL_MS = 20;
const SLOTS_EACH = 8;
const SINGLES = 200;
const EVERY_MS = 25;

/** A backlog of one function, and of one account, in front of single runs of others. */
export const backlog: Scenario = {
  name: 'backlog',
  shows: 'single runs of a function and of an account behind a backlog of 100,000 runs of others',
  play(sizes) {
    const runs = sizedBy(sizes, { small: 100_000, full: 300_000 }, sizes.jobs);
    const executors = sizedBy(sizes, { small: 4, full: 40 }, sizes.executors);
    const { world, finish } = startPlay({
      scenario: 'backlog',
      played: `${runs} runs of one function, ${executors} executors of ${SLOTS_EACH} slots`,
      seed: sizes.seed,
      executors,
      slotsEach: SLOTS_EACH,
    });
    const large = world.addFunction({ functionId: 'large', concurrency: 100_000 }, { callMs: CALL_MS });
    world.limitAccount('account', 100_000);
    const small = world.addFunction({ functionId: 'small' }, { callMs: CALL_MS });
    const other = world.addFunction({ functionId: 'other', accountId: 'other-account' }, { callMs: CALL_MS });
    for (let i = 0; i < runs; i++) world.schedule({ fn: large, tenant: 'large', group: 'backlog', steps: [] });
    world.drainOutbox();
    world.measureAnew();

    const forMs = SINGLES * EVERY_MS;
    disturb(world, { everyMs: EVERY_MS, forMs }, () => {
      world.schedule({ fn: small, tenant: 'small', group: 'function', steps: [] });
    });
    disturb(world, { everyMs: EVERY_MS, forMs }, () => {
      world.schedule({ fn: other, tenant: 'other', group: 'account', steps: [] });
    });
    world.time.run(world.time.now + forMs + 10 * CALL_MS);

    const report = finish({ leaves: [large] });
    for (const { group, max } of report.waits) {
      if (group === 'backlog') continue;
      const name = `longest wait of a single run of another ${group}`;
      report.goals.push({ name, value: max, unit: 'ms', goal: { atMost: 1.5 * CALL_MS } });
    }
    return report;
  },
};
