import { BareCaller } from '../client/bare-caller.ts';
import { nowMs } from '../now.ts';
import type { Figure } from '../report/figure.ts';
import { percentile } from '../report/statistics.ts';
import { repeatAtOnce } from './repeat-at-once.ts';
import type { Bench, Scenario } from './scenario.ts';
import { CALLS_WAIT_MS_MAX, waitForCalls } from './wait-for-calls.ts';

const NAME = 'sleepers';
/** Time to start them all and let them fall asleep. */
const ASLEEP_MS = 6_000;
const EVENTS_PER_REQUEST = 250;
const BARE_AT_ONCE = 128;

/** Runs that sleep, all until one instant or spread over a second: how late the application hears of each. */
export const sleepers: Scenario = {
  name: NAME,
  measures: 'lateness of 500 and 1000 sleepers, spread over a second and at one instant',
  async run(bench): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const count of bench.isQuick ? [500] : [500, 1_000]) {
      const spread = await lateness(bench, count, 1_000);
      const together = await lateness(bench, count, 0);
      const burst = await burstOfBareCalls(bench, count);
      figures.push(
        figure(`${count} over a second, earliest`, percentile(spread, 1 / count)),
        figure(`${count} over a second, p50`, percentile(spread, 0.5)),
        { ...figure(`${count} over a second, p99`, percentile(spread, 0.99)), goal: { atMost: 50 } },
        figure(`${count} at one instant, p50`, percentile(together, 0.5), percentile(burst, 0.5)),
        figure(`${count} at one instant, p99`, percentile(together, 0.99), percentile(burst, 0.99)),
      );
    }
    return figures;
  },
};

function figure(name: string, value: number, ceiling?: number): Figure {
  return { scenario: NAME, name, value, unit: 'ms', ...(ceiling !== undefined && { ceiling }) };
}

/** How long after the instant that it asked for each of `count` sleepers was called. */
async function lateness({ application, client }: Bench, count: number, spreadMs: number): Promise<number[]> {
  const firstAt = Math.ceil(nowMs()) + ASLEEP_MS;
  const wakeAt = new Map<number, number>();
  for (let i = 0; i < count; i++) wakeAt.set(client.newRun(), firstAt + Math.floor((i * spreadMs) / count));
  const waking = waitForCalls(application, {
    count,
    wanted: (call) => wakeAt.has(call.run),
    waitMs: ASLEEP_MS + CALLS_WAIT_MS_MAX,
  });
  const events = [...wakeAt].map(([run, until]) => ({ fn: 'sleeper' as const, run, more: { until } }));
  const sending = async (): Promise<void> => {
    for (let i = 0; i < count; i += EVENTS_PER_REQUEST) await client.send(events.slice(i, i + EVENTS_PER_REQUEST));
  };
  const [calls] = await Promise.all([waking, sending()]);
  return calls.map((call) => call.arrivedAt - (wakeAt.get(call.run) ?? 0));
}

/** The ceiling: `count` bare calls that are all due now, and how long after that each one arrived. */
async function burstOfBareCalls({ application, client }: Bench, count: number): Promise<number[]> {
  const caller = new BareCaller(application.url, BARE_AT_ONCE);
  await repeatAtOnce({ times: count, atOnce: BARE_AT_ONCE }, () => caller.call('one-call', 0, 0));
  const numbers = Array.from({ length: count }, () => client.newRun());
  const mine = new Set(numbers);
  const arriving = waitForCalls(application, { count, wanted: (call) => mine.has(call.run) });
  const dueAt = nowMs();
  const calling = repeatAtOnce({ times: count, atOnce: BARE_AT_ONCE }, (i) =>
    caller.call('one-call', numbers[i] ?? 0, 0),
  );
  const [calls] = await Promise.all([arriving, calling]);
  await caller.close();
  return calls.map((call) => call.arrivedAt - dueAt);
}
