import type { Clock, EpochMs } from '@perdure/domain';

/** Where test clocks start unless told otherwise: a round instant that is easy to recognise in a failure. */
export const TEST_START_AT: EpochMs = Date.UTC(2030, 0, 1);

interface Timer {
  at: EpochMs;
  /** Order of scheduling: breaks ties, so that timers of one instant fire first come, first served. */
  seq: number;
  wake: () => void;
}

/** A clock that stands still until a test moves it. */
export interface TestClock extends Clock {
  /** Moves time forward by `ms` and fires what becomes due, see `advanceTo`. */
  advanceBy(ms: number): Promise<void>;
  /**
   * Moves time forward to `at`, firing due timers in order of their instants; each sees `now()` as its own instant.
   * After each of them pending promise callbacks run, so that a timer which these schedule takes its turn.
   */
  advanceTo(at: EpochMs): Promise<void>;
  /** Instants of the timers that are still to fire, ascending. */
  pendingTimers(): EpochMs[];
}

/**
 * A test's `Clock`. Like a real one it never calls `wake` before `schedule` has returned: a timer that is already due
 * fires in a microtask.
 */
export function testClock(startMs: EpochMs = TEST_START_AT): TestClock {
  return new ManualClock(startMs);
}

class ManualClock implements TestClock {
  #now: EpochMs;
  #seq = 0;
  readonly #timers = new Set<Timer>();

  constructor(startMs: EpochMs) {
    this.#now = startMs;
  }

  now(): EpochMs {
    return this.#now;
  }

  schedule(at: EpochMs, wake: () => void): () => void {
    const timer: Timer = { at, seq: this.#seq++, wake };
    this.#timers.add(timer);
    if (at <= this.#now) queueMicrotask(() => this.#fire(timer));
    return () => void this.#timers.delete(timer);
  }

  advanceBy(ms: number): Promise<void> {
    return this.advanceTo(this.#now + ms);
  }

  async advanceTo(at: EpochMs): Promise<void> {
    if (at < this.#now) throw new RangeError(`a clock moves forward only: it is ${this.#now}, not yet ${at}`);
    for (let timer = this.#nextDue(at); timer !== undefined; timer = this.#nextDue(at)) {
      this.#now = Math.max(this.#now, timer.at);
      this.#fire(timer);
      await settle();
    }
    this.#now = at;
    await settle();
  }

  pendingTimers(): EpochMs[] {
    return [...this.#timers].map((timer) => timer.at).toSorted((a, b) => a - b);
  }

  #nextDue(until: EpochMs): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > until) continue;
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.seq < next.seq)) next = timer;
    }
    return next;
  }

  #fire(timer: Timer): void {
    if (this.#timers.delete(timer)) timer.wake();
  }
}

/** One turn of the event loop: every promise callback that is ready has run. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
