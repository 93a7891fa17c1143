import {
  completed,
  ops,
  sleepOp,
  stepHash,
  stepRunOp,
  type ScriptedCall,
  type ScriptedFunction,
} from '@perdure/testing';

import type { EventInput } from '../server-api.ts';

export const FLOW_APP = 'flow';
const KEYS = 40;
const SINGLE_KEYS = 5;
const BATCH_KEYS = 5;
const QUIET_KEYS = 10;
const RUNS_AT_ONCE = 5;
/** Fewer than come for a key before its batch times out: some are full, some are not. */
export const BATCH_SIZE = 5;
export const THROTTLE = { limit: 6, periodMs: 1_000 };

const FIRST_AT = Date.UTC(2026, 0, 1);

/** Which of these functions an event is for, and how often in a round. */
const ROUND = [
  'keyed',
  'keyed',
  'keyed',
  'keyed',
  'batched',
  'batched',
  'batched',
  'quiet',
  'quiet',
  'single',
  'runs',
  'throttled',
];

/** The n-th event of a load for all of them. */
export function flowEvent(n: number): EventInput {
  const kind = ROUND[n % ROUND.length] ?? 'keyed';
  const round = Math.floor(n / ROUND.length);
  const keys: Record<string, number> = { keyed: KEYS, batched: BATCH_KEYS, quiet: QUIET_KEYS, single: SINGLE_KEYS };
  const key = `${kind}-${(round * 7 + n) % (keys[kind] ?? 1)}`;
  // A time of its own for each, so that it is known which of several is the newest.
  return { name: `${FLOW_APP}/${kind}`, data: { key, n }, ts: FIRST_AT + n };
}

/** Who holds a place of which bucket now, and every time that more did than may. */
class Places {
  readonly violations: string[] = [];
  readonly #limit: number;
  readonly #holders = new Map<string, Set<string>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(bucket: string, holder: string): void {
    const holders = this.#holders.get(bucket) ?? new Set();
    this.#holders.set(bucket, holders.add(holder));
    if (holders.size > this.#limit) this.violations.push(`${bucket}: ${[...holders].join(', ')}`);
  }

  release(bucket: string, holder: string): void {
    this.#holders.get(bucket)?.delete(holder);
  }
}

/**
 * An application of functions that are limited in every way, which sees at each instant whether the limits hold.
 *
 * A call holds its place until it is answered. When its connection is cut the executor is dead: then the call holds nothing any more,
 * and is made again when the lease has run out. A run holds its place from its first call to its last answer, whoever dies.
 */
export class FlowWitness {
  readonly functions: ScriptedFunction[];
  /** Calls of the function with keys that were cut off. */
  cut = 0;
  /** When each run of the throttled function was called first, in ms of `performance.now`. */
  readonly starts: number[] = [];
  /** By internal ID of the event: the runs that got it. */
  readonly runsOf = new Map<string, Set<string>>();
  /** By run: how many events it got. */
  readonly sizeOf = new Map<string, number>();
  /** By key: the number of the newest event that a debounced run got. */
  readonly newestOf = new Map<string, number>();
  readonly #seen = new Set<string>();
  readonly #calls = new Places(1);
  readonly #runs = new Places(RUNS_AT_ONCE);
  readonly #singles = new Places(1);
  #number = 0;

  constructor() {
    const key = 'event.data.key';
    this.functions = [
      this.#fn('keyed', { concurrency: [{ limit: 1, key }] }, (call) => this.#inCall(call, this.#calls)),
      this.#fn('runs', { concurrency: { fn: [{ limit: RUNS_AT_ONCE }] } }, (call) =>
        this.#inRun(call, this.#runs, 'all'),
      ),
      this.#fn('single', { singleton: { mode: 'skip', key } }, (call) => this.#inRun(call, this.#singles, keyOf(call))),
      this.#fn('throttled', { throttle: { limit: THROTTLE.limit, period: '1s' } }, async (call) => {
        if (!this.#seen.has(call.runId)) this.starts.push(call.arrivedMs);
        this.#seen.add(call.runId);
        await lasting(5);
        return completed(null);
      }),
      this.#fn('batched', { batchEvents: { maxSize: BATCH_SIZE, timeout: '2s', key } }, (call) => this.#inBatch(call)),
      this.#fn('quiet', { debounce: { period: '1s', timeout: '3s', key } }, (call) => {
        const newest = this.newestOf.get(keyOf(call)) ?? 0;
        this.newestOf.set(keyOf(call), Math.max(newest, Number(call.event.data['n'])));
        return completed(null);
      }),
    ];
  }

  /** Each instant at which a limit did not hold, in words. */
  get violations(): string[] {
    return [...this.#calls.violations, ...this.#runs.violations, ...this.#singles.violations];
  }

  #fn(id: string, options: ScriptedFunction['options'], script: ScriptedFunction['script']): ScriptedFunction {
    return {
      id,
      triggers: [{ event: `${FLOW_APP}/${id}` }],
      // No attempt is spent on an executor that dies.
      retries: 0,
      ...(options && { options }),
      script: (call) => {
        for (const { id: eventId } of call.events) {
          this.runsOf.set(eventId, (this.runsOf.get(eventId) ?? new Set()).add(call.runId));
        }
        return script(call);
      },
    };
  }

  async #inCall(call: ScriptedCall, places: Places) {
    const holder = `${call.runId} call ${(this.#number += 1)}`;
    places.take(keyOf(call), holder);
    const cut = call.ended.then(() => 'cut' as const);
    if ((await Promise.race([cut, lasting(200)])) === 'cut') this.cut += 1;
    places.release(keyOf(call), holder);
    return completed(null);
  }

  async #inRun(call: ScriptedCall, places: Places, bucket: string) {
    places.take(bucket, call.runId);
    if (!(stepHash('a') in call.steps)) {
      await lasting(5);
      return ops(stepRunOp('a', null));
    }
    if (!(stepHash('nap') in call.steps)) return ops(sleepOp('nap', '50ms'));
    places.release(bucket, call.runId);
    return completed(null);
  }

  async #inBatch(call: ScriptedCall) {
    this.sizeOf.set(call.runId, call.events.length);
    await lasting(5);
    return completed(null);
  }
}

function keyOf(call: ScriptedCall): string {
  return call.event.data['key'] as string;
}

function lasting(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
