import { expect, test } from 'vitest';

import type { CallRecord } from '../application/functions.ts';
import { keepRunsInFlight } from './keep-runs-in-flight.ts';
import { waitForCalls } from './wait-for-calls.ts';

/** A server that ends each run after `callsPerRun` calls, a turn of the event loop each. */
class InstantServer {
  readonly requests: number[] = [];
  inFlight = 0;
  inFlightMost = 0;
  readonly #callsPerRun: number;
  readonly #listeners = new Set<(call: CallRecord) => void>();
  #run = 0;

  constructor(callsPerRun: number) {
    this.#callsPerRun = callsPerRun;
  }

  newRun(): number {
    return ++this.#run;
  }

  listen(listener: (call: CallRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  async send(events: readonly { run: number }[]): Promise<void> {
    this.requests.push(events.length);
    this.inFlight += events.length;
    this.inFlightMost = Math.max(this.inFlightMost, this.inFlight);
    for (const { run } of events) setImmediate(() => this.#call(run, 0));
  }

  #call(run: number, stepsDone: number): void {
    if (stepsDone === this.#callsPerRun - 1) this.inFlight -= 1;
    for (const listener of this.#listeners) listener({ fn: 'steps', run, stepsDone, arrivedAt: 0, answeredAt: 0 });
    if (stepsDone < this.#callsPerRun - 1) setImmediate(() => this.#call(run, stepsDone + 1));
  }
}

test('all runs are started, never more at once than asked for, and the listener goes with the load', async () => {
  const server = new InstantServer(3);

  await keepRunsInFlight(
    { application: server, client: server },
    { fn: 'steps', runs: 50, atOnce: 8, isLast: (call) => call.stepsDone === 2 },
  );

  expect(server.requests[0]).toBe(8);
  expect(server.requests.reduce((sum, events) => sum + events, 0)).toBe(50);
  expect(server.inFlightMost).toBe(8);
  expect(server.inFlight).toBe(0);
  expect(server.listenerCount).toBe(0);
});

test('a server that refuses events ends the load with its reason', async () => {
  const server = new InstantServer(1);
  server.send = () => Promise.reject(new Error('answered 500'));

  const load = keepRunsInFlight(
    { application: server, client: server },
    { fn: 'one-call', runs: 5, atOnce: 5, isLast: () => true },
  );

  await expect(load).rejects.toThrow('answered 500');
  expect(server.listenerCount).toBe(0);
});

test('waiting for calls counts what is wanted only, and says how many came when time is up', async () => {
  const server = new InstantServer(2);
  const wanted = (call: CallRecord): boolean => call.stepsDone === 1;
  const both = waitForCalls(server, { count: 2, wanted });

  await server.send([{ run: 1 }, { run: 2 }]);

  expect((await both).map((call) => call.run)).toEqual([1, 2]);
  await expect(waitForCalls(server, { count: 3, wanted, waitMs: 1 })).rejects.toThrow('0 of 3 calls came within 1 ms');
});
