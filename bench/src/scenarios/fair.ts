import { setTimeout as pause } from 'node:timers/promises';

import { BUSY_FUNCTIONS, busyEventName } from '../application/functions.ts';
import { eventObject } from '../client/event-client.ts';
import { nowMs } from '../now.ts';
import type { Figure } from '../report/figure.ts';
import { percentile } from '../report/statistics.ts';
import { untilQuiet } from '../server/until-quiet.ts';
import type { Bench, Scenario } from './scenario.ts';
import { CALLS_WAIT_MS_MAX, waitForCalls } from './wait-for-calls.ts';
import { withOwnSystem } from './with-own-system.ts';

const NAME = 'fair';
/** Calls under way share the server's one core with the single run: with 100 of them it waits three times as long. */
const FLAGS = ['--queue-workers', '32'];
const EVENTS_PER_REQUEST = 500;
/** Between single runs. */
const REST_MS = 25;
/** A function with a long backlog has so many times the runs of one with a short one. */
const LONG = 5;
const LONG_FUNCTIONS = 10;

/** What a backlog of one function does to another function's run, and how the calls are shared when all functions have one. */
export const fair: Scenario = {
  name: NAME,
  measures: `a single run beside another function's backlog, and the shares of ${BUSY_FUNCTIONS} busy functions`,
  async run(bench): Promise<Figure[]> {
    const figures = await withOwnSystem(bench, FLAGS, besideBacklog);
    return [...figures, ...(await withOwnSystem(bench, FLAGS, shares))];
  },
};

async function besideBacklog(bench: Bench): Promise<Figure[]> {
  const backlog = bench.isQuick ? 5_000 : 100_000;
  const samples = bench.isQuick ? 20 : 200;
  await delaysOfSingles(bench, Math.ceil(samples / 4));
  const idle = await delaysOfSingles(bench, samples);
  await sendBusy(bench, Array<number>(backlog).fill(0));
  await untilScheduled(bench);

  let worked = 0;
  const stopCounting = bench.application.listen(({ fn }) => (worked += fn === 'busy' ? 1 : 0));
  const beginning = waitForCalls(bench.application, { count: backlog / 100, wanted: ({ fn }) => fn === 'busy' });
  bench.application.openGate();
  await beginning;
  const beside = await delaysOfSingles(bench, samples, () => worked < backlog);
  stopCounting();

  const added = (share: number): number => percentile(beside, share) - percentile(idle, share);
  return [
    delay('single run at rest, p50', percentile(idle, 0.5)),
    delay('single run at rest, p99', percentile(idle, 0.99)),
    delay(`beside a backlog of ${backlog}, p50`, percentile(beside, 0.5)),
    delay(`beside a backlog of ${backlog}, p99`, percentile(beside, 0.99)),
    { ...delay('added by the backlog, p50', added(0.5)), goal: { atMost: 50 } },
    { ...delay('added by the backlog, p99', added(0.99)), goal: { atMost: 50 } },
  ];
}

/** From sending each event to the arrival of its call, one run at a time; as long as `goesOn`. */
async function delaysOfSingles(
  { application, client }: Bench,
  count: number,
  goesOn: () => boolean = () => true,
): Promise<number[]> {
  const delays: number[] = [];
  for (let i = 0; i < count; i++) {
    const run = client.newRun();
    const arriving = waitForCalls(application, { count: 1, wanted: (call) => call.run === run });
    const sentAt = nowMs();
    const [[call]] = await Promise.all([arriving, client.send([{ fn: 'single', run }])]);
    if (!goesOn()) throw new Error(`the backlog was gone after ${delays.length} of ${count} single runs`);
    delays.push((call?.arrivedAt ?? Number.NaN) - sentAt);
    await pause(REST_MS);
  }
  return delays;
}

async function shares(bench: Bench): Promise<Figure[]> {
  const short = bench.isQuick ? 120 : 400;
  // One function after the other, some with much more than others: none gets more for having come first, or for having more.
  const functions = Array.from({ length: BUSY_FUNCTIONS }, (_, n) =>
    Array<number>(n < LONG_FUNCTIONS ? short * LONG : short).fill(n),
  ).flat();
  const functionOf = await sendBusy(bench, functions);
  await untilScheduled(bench);

  // The slots are full of the functions that came first; then as long as each function has work for certain.
  const skipped = BUSY_FUNCTIONS * 4;
  const counted = Math.floor(BUSY_FUNCTIONS * short * 0.5);
  const calling = waitForCalls(bench.application, { count: skipped + counted, wanted: ({ fn }) => fn === 'busy' });
  bench.application.openGate();
  const calls = (await calling).slice(skipped);
  const counts = Array<number>(BUSY_FUNCTIONS).fill(0);
  for (const { run } of calls) counts[functionOf.get(run) ?? 0]! += 1;
  const share = (count: number): number => count / (counted / BUSY_FUNCTIONS);
  return [
    {
      ...shareOf(`least of ${BUSY_FUNCTIONS} functions, of its share`, share(Math.min(...counts))),
      goal: { atLeast: 80 },
    },
    {
      ...shareOf(`most of ${BUSY_FUNCTIONS} functions, of its share`, share(Math.max(...counts))),
      goal: { atMost: 125 },
    },
  ];
}

function delay(name: string, value: number): Figure {
  return { scenario: NAME, name, value, unit: 'ms' };
}

function shareOf(name: string, share: number): Figure {
  return { scenario: NAME, name, value: share * 100, unit: '%' };
}

/** Sends a run of each of these busy functions, in this order; answers which function each run is of. */
async function sendBusy({ client }: Bench, functions: readonly number[]): Promise<Map<number, number>> {
  const functionOf = new Map<number, number>();
  for (let from = 0; from < functions.length; from += EVENTS_PER_REQUEST) {
    const events = functions.slice(from, from + EVENTS_PER_REQUEST).map((n) => {
      const run = client.newRun();
      functionOf.set(run, n);
      return eventObject(busyEventName(n), { run });
    });
    await client.sendRaw(JSON.stringify(events));
  }
  return functionOf;
}

/** Nothing is answered yet: when the server is quiet, all there is to schedule has been scheduled. */
async function untilScheduled({ processes }: Bench): Promise<void> {
  const pids = processes.map(({ pid }) => pid);
  const deadline = nowMs() + CALLS_WAIT_MS_MAX;
  while (nowMs() < deadline && !(await untilQuiet(pids)));
}
