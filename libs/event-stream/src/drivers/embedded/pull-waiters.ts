import type { Clock, EpochMs } from '@perdure/domain';

import type { Delivery } from '../../event-stream.ts';

interface Waiter {
  messagesMax: number;
  answer: (deliveries: Delivery[]) => void;
}

/** Pulls of one group that found nothing, in the order in which they came. They cost nothing while they wait. */
export class PullWaiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Answers with what `serve` finds, or with nothing when `signal` aborts. */
  wait(messagesMax: number, signal: AbortSignal): Promise<Delivery[]> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        messagesMax,
        answer: (deliveries) => {
          this.#waiting.delete(waiter);
          signal.removeEventListener('abort', giveUp);
          resolve(deliveries);
        },
      };
      const giveUp = (): void => waiter.answer([]);
      signal.addEventListener('abort', giveUp);
      this.#waiting.add(waiter);
    });
  }

  /** Gives waiting pulls what `take` finds for them, until it finds nothing. */
  serve(take: (messagesMax: number) => Delivery[]): void {
    for (const waiter of this.#waiting) {
      const deliveries = take(waiter.messagesMax);
      if (deliveries.length === 0) return;
      waiter.answer(deliveries);
    }
  }

  /** Calls `serve` at `at`, when somebody waits then. Only the latest call counts. */
  serveAt(at: EpochMs | undefined, serve: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = at === undefined || this.#waiting.size === 0 ? undefined : this.#clock.schedule(at, serve);
  }

  close(): void {
    this.#cancelTimer?.();
    for (const waiter of this.#waiting) waiter.answer([]);
  }
}
