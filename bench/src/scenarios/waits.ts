import { setTimeout as pause } from 'node:timers/promises';

import { RESUME_EVENT, type CallRecord } from '../application/functions.ts';
import { eventObject } from '../client/event-client.ts';
import { nowMs } from '../now.ts';
import type { Figure } from '../report/figure.ts';
import { percentile, perSecond } from '../report/statistics.ts';
import { untilQuiet } from '../server/until-quiet.ts';
import type { Bench, Scenario } from './scenario.ts';
import { startMany } from './start-many.ts';
import { waitForCalls } from './wait-for-calls.ts';

const NAME = 'waits';
const FN = 'waiter';
const EVENTS_PER_SECOND = 1_000;
/** Between two requests of a paced load. */
const TICK_MS = 20;
const BURST_EVENTS_PER_REQUEST = 100;
/** After the last resumption, for calls that should not come. */
const STRAY_MS = 500;

/**
 * Runs that wait for an event, each with an `if` that only one event fits: how late each is called when 1,000 such events
 * come a second, and how many a second there can be. Fails when an event resumes another run, or a run more than once.
 */
export const waits: Scenario = {
  name: NAME,
  measures: '10,000 runs that wait for an event with an `if`: how late they are resumed, and how many a second',
  async run(bench): Promise<Figure[]> {
    const count = bench.isQuick ? 2_000 : 10_000;
    const runs = await startMany(bench, { fn: FN, count });
    await untilQuiet(bench.processes.map(({ pid }) => pid));
    // The first tenth warms up.
    const [warmUp, paced, burst] = [
      runs.slice(0, count / 10),
      runs.slice(count / 10, count / 2),
      runs.slice(count / 2),
    ];
    await resume(bench, warmUp, sendPaced);
    const steady = await resume(bench, paced, sendPaced);
    const all = await resume(bench, burst, sendAtOnce);
    const name = `resumed by ${EVENTS_PER_SECOND} events a second`;
    return [
      { scenario: NAME, name: `${name}, p50`, value: percentile(steady.latenessMs, 0.5), unit: 'ms' },
      {
        scenario: NAME,
        name: `${name}, p99`,
        value: percentile(steady.latenessMs, 0.99),
        unit: 'ms',
        goal: { atMost: 100 },
      },
      {
        scenario: NAME,
        name: `runs resumed, of ${burst.length}`,
        value: perSecond(burst.length, all.elapsedMs),
        unit: '1/s',
        goal: { atLeast: EVENTS_PER_SECOND },
      },
    ];
  },
};

type Send = (bench: Bench, runs: readonly number[], onSend: (runs: readonly number[]) => void) => Promise<void>;

/** Sends the event of each run, waits until it was called, and then a while for calls that should not come. */
async function resume(
  bench: Bench,
  runs: readonly number[],
  send: Send,
): Promise<{ latenessMs: number[]; elapsedMs: number }> {
  const sentAt = new Map<number, number>();
  const calls: CallRecord[] = [];
  const stopListening = bench.application.listen((call) => {
    if (call.fn === FN) calls.push(call);
  });
  const resumed = waitForCalls(bench.application, { count: runs.length, wanted: ({ fn }) => fn === FN });
  const beganAt = nowMs();
  const sending = send(bench, runs, (some) => {
    for (const run of some) sentAt.set(run, nowMs());
  });
  await Promise.all([resumed, sending]);
  await pause(STRAY_MS);
  stopListening();
  checkEach(runs, calls);
  return {
    latenessMs: calls.map(({ run, arrivedAt }) => arrivedAt - (sentAt.get(run) ?? 0)),
    elapsedMs: Math.max(...calls.map(({ arrivedAt }) => arrivedAt)) - beganAt,
  };
}

/** Each run was resumed once, and no other. */
function checkEach(runs: readonly number[], calls: readonly CallRecord[]): void {
  const waiting = new Set(runs);
  const wrong = calls.filter(({ run, stepsDone }) => stepsDone !== 1 || !waiting.delete(run));
  if (wrong.length > 0) throw new Error(`${wrong.length} calls of runs that no event was for, or again`);
}

/** Requests at a steady pace, whether or not those before were answered. */
const sendPaced: Send = async ({ client }, runs, onSend) => {
  const perTick = (EVENTS_PER_SECOND * TICK_MS) / 1_000;
  const requests: Promise<void>[] = [];
  const beganAt = nowMs();
  for (let i = 0; i < runs.length; i += perTick) {
    const dueAt = beganAt + (i / EVENTS_PER_SECOND) * 1_000;
    if (dueAt > nowMs()) await pause(dueAt - nowMs());
    const some = runs.slice(i, i + perTick);
    onSend(some);
    requests.push(client.sendRaw(resumeEvents(some)));
  }
  await Promise.all(requests);
};

const sendAtOnce: Send = async ({ client }, runs, onSend) => {
  for (let i = 0; i < runs.length; i += BURST_EVENTS_PER_REQUEST) {
    const some = runs.slice(i, i + BURST_EVENTS_PER_REQUEST);
    onSend(some);
    await client.sendRaw(resumeEvents(some));
  }
};

function resumeEvents(runs: readonly number[]): string {
  return JSON.stringify(runs.map((run) => eventObject(RESUME_EVENT, { run })));
}
