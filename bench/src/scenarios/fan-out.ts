import { setTimeout as pause } from 'node:timers/promises';

import { FAN_OUT } from '../application/functions.ts';
import { BareCaller } from '../client/bare-caller.ts';
import { nowMs } from '../now.ts';
import type { Figure } from '../report/figure.ts';
import { percentile, perSecond } from '../report/statistics.ts';
import { repeatAtOnce } from './repeat-at-once.ts';
import type { Bench, Scenario } from './scenario.ts';
import { waitForCalls } from './wait-for-calls.ts';

const NAME = 'fan-out';
const AT_ONCE = 128;
const EVENTS_PER_REQUEST = 10;
const WARM_UP_EVENTS = 5;
/** Between events, so that each finds the server at rest. */
const REST_MS = 100;

/** One event starts fifty functions: how long until the last of them is called, and how many runs a second that can be. */
export const fanOut: Scenario = {
  name: NAME,
  measures: `one event that starts ${FAN_OUT} functions`,
  async run(bench): Promise<Figure[]> {
    await untilLastCalls(bench, WARM_UP_EVENTS);
    const last = await untilLastCalls(bench, bench.isQuick ? 10 : 50);
    const events = bench.isQuick ? 40 : 200;
    await burst(bench, WARM_UP_EVENTS);
    const served = await burst(bench, events);
    const caller = new BareCaller(bench.application.url, AT_ONCE);
    const bare = await repeatAtOnce({ times: events * FAN_OUT, atOnce: AT_ONCE }, () => caller.call('one-call', 0, 0));
    await caller.close();
    const runs = events * FAN_OUT;
    return [
      { scenario: NAME, name: `event to the last of ${FAN_OUT} calls, p50`, value: percentile(last, 0.5), unit: 'ms' },
      { scenario: NAME, name: `event to the last of ${FAN_OUT} calls, p99`, value: percentile(last, 0.99), unit: 'ms' },
      {
        scenario: NAME,
        name: `runs of ${events} such events`,
        value: perSecond(runs, served),
        unit: '1/s',
        ceiling: perSecond(runs, bare),
      },
    ];
  },
};

/** For each of `events` events, one at a time: from sending it to the arrival of the last call that it causes. */
async function untilLastCalls({ application, client }: Bench, events: number): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < events; i++) {
    const run = client.newRun();
    const arriving = waitForCalls(application, { count: FAN_OUT, wanted: (call) => call.run === run });
    const sentAt = nowMs();
    const [calls] = await Promise.all([arriving, client.send([{ fn: 'fan-out', run }])]);
    samples.push(Math.max(...calls.map(({ arrivedAt }) => arrivedAt)) - sentAt);
    await pause(REST_MS);
  }
  return samples;
}

/** From the first of `events` events to the last call, in ms. */
async function burst({ application, client }: Bench, events: number): Promise<number> {
  const sent = Array.from({ length: events }, () => ({ fn: 'fan-out' as const, run: client.newRun() }));
  const mine = new Set(sent.map(({ run }) => run));
  const arriving = waitForCalls(application, { count: events * FAN_OUT, wanted: (call) => mine.has(call.run) });
  const beganAt = nowMs();
  const sending = async (): Promise<void> => {
    for (let i = 0; i < events; i += EVENTS_PER_REQUEST) await client.send(sent.slice(i, i + EVENTS_PER_REQUEST));
  };
  const [calls] = await Promise.all([arriving, sending()]);
  return Math.max(...calls.map(({ arrivedAt }) => arrivedAt)) - beganAt;
}
