import type { CallRecord } from '../application/functions.ts';
import type { Figure } from '../report/figure.ts';
import { perSecond } from '../report/statistics.ts';
import { keepRunsInFlight, type Load } from './keep-runs-in-flight.ts';
import { WARM_UP_SHARE } from './measure-load.ts';
import type { Bench, Scenario } from './scenario.ts';
import { withOwnSystem } from './with-own-system.ts';

const NAME = 'keyed';
const KEYS = 200;
const SLOTS = 32;
/** Two of each key on average: some keys have none, others several. */
const RUNS_AT_ONCE = 2 * KEYS;
/** The two loads take turns: a machine that does other things meanwhile does them to both. */
const ROUNDS = 4;

/** 200 keys with a limit of one call each, and the same load without a limit. */
export const keyed: Scenario = {
  name: NAME,
  measures: `${KEYS} keys with a limit of one each, against no limit, ${SLOTS} calls at once`,
  run: (bench) => withOwnSystem(bench, ['--queue-workers', String(SLOTS)], measure),
};

async function measure(bench: Bench): Promise<Figure[]> {
  const runs = bench.isQuick ? 1_000 : 5_000;
  const loadOf = (fn: 'keyed' | 'unkeyed'): Load => ({
    fn,
    runs,
    atOnce: RUNS_AT_ONCE,
    isLast: () => true,
    more: (run) => ({ key: keyOf(run) }),
  });
  const warmUp = (load: Load): Load => ({ ...load, runs: Math.ceil(runs * WARM_UP_SHARE) });
  const calls = new CallsAtOnce(bench);
  await keepRunsInFlight(bench, warmUp(loadOf('unkeyed')));
  await keepRunsInFlight(bench, warmUp(loadOf('keyed')));
  let [limitedMs, unlimitedMs] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    unlimitedMs += await keepRunsInFlight(bench, loadOf('unkeyed'));
    limitedMs += await keepRunsInFlight(bench, loadOf('keyed'));
  }
  calls.stop();
  const [limited, unlimited] = [limitedMs, unlimitedMs].map((ms) => perSecond(runs * ROUNDS, ms));
  return [
    { scenario: NAME, name: 'runs without a limit', value: unlimited ?? 0, unit: '1/s' },
    { scenario: NAME, name: `runs of ${KEYS} keys with a limit of one`, value: limited ?? 0, unit: '1/s' },
    {
      scenario: NAME,
      name: 'the one as a share of the other',
      value: (unlimitedMs / limitedMs) * 100,
      unit: '%',
      goal: { atLeast: 85 },
    },
    {
      scenario: NAME,
      name: 'calls beside one of their key',
      value: calls.of('keyed'),
      unit: 'calls',
      goal: { atMost: 0 },
    },
    { scenario: NAME, name: 'the same without a limit', value: calls.of('unkeyed'), unit: 'calls' },
  ];
}

/** Runs of one moment have keys in no order. */
function keyOf(run: number): number {
  const mixed = Math.imul(run ^ (run >>> 7), 0x9e_37_79_b1);
  return (mixed >>> 8) % KEYS;
}

/** How many calls came while another of their key was being worked on. */
class CallsAtOnce {
  readonly stop: () => void;
  readonly #counts = new Map<CallRecord['fn'], number>();

  constructor({ application }: Bench) {
    this.stop = application.listen(({ fn, alongside = 0 }) => {
      if (alongside > 0) this.#counts.set(fn, this.of(fn) + 1);
    });
  }

  of(fn: CallRecord['fn']): number {
    return this.#counts.get(fn) ?? 0;
  }
}
