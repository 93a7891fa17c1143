import { DEFAULT_ENV_ID, type Event } from '@perdure/domain';
import type { Delivery } from '@perdure/event-stream';
import type { EventOutcomeRecord } from '@perdure/history';
import { parseStoredEvent } from '@perdure/protocol';
import type { Ports } from '../ports.ts';
import { scheduleRuns } from '../run/schedule-runs.ts';

export const RUNNER_GROUP = 'runner';
/** Events taken from the stream at once. */
const BATCH_MAX = 256;
/** Batches whose runs are scheduled but whose records are not yet written: bounds memory when history is slow. */
const UNRECORDED_BATCHES_MAX = 32;
/** Pause before an event whose handling failed is delivered again; grows with its deliveries. */
const REDELIVERY_MS = [250, 1_000, 5_000, 15_000, 60_000] as const;

interface Handled {
  delivery: Delivery;
  event: Event;
  outcomes: EventOutcomeRecord[];
}

/**
 * Turns events into runs.
 *
 * Invariants:
 * 1. An event is acknowledged only after each matching function has its run (or its recorded outcome), the event is in
 *    history, and both survive loss of power.
 * 2. Scheduling does not wait for history: a batch is recorded while the next ones are scheduled.
 * 3. One event that cannot be handled delays no other.
 */
export class EventLoop {
  private readonly ports: Ports;
  private readonly abort = new AbortController();
  private readonly unrecorded = new Set<Promise<void>>();
  private running: Promise<void> | undefined;

  constructor(ports: Ports) {
    this.ports = ports;
  }

  start(): void {
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.running;
    await Promise.all(this.unrecorded);
  }

  private async run(): Promise<void> {
    const { signal } = this.abort;
    while (!signal.aborted) {
      try {
        const batch = await this.ports.stream.pull(RUNNER_GROUP, BATCH_MAX, signal);
        if (batch.length > 0) await this.takeBatch(batch);
      } catch (error) {
        this.ports.log.error('events could not be taken from the stream', { error });
        await pause(REDELIVERY_MS[1], signal);
      }
    }
  }

  private async takeBatch(batch: Delivery[]): Promise<void> {
    const handled = await Promise.all(batch.map((delivery) => this.handle(delivery)));
    this.ports.bus.publish('jobs-ready', {});
    this.ports.bus.publish('outbox-filled', {});
    const done = handled.filter((item) => item !== undefined);
    const recording = this.record(done).finally(() => this.unrecorded.delete(recording));
    this.unrecorded.add(recording);
    if (this.unrecorded.size >= UNRECORDED_BATCHES_MAX) await Promise.race(this.unrecorded);
  }

  private async handle(delivery: Delivery): Promise<Handled | undefined> {
    try {
      const event = parseStoredEvent(delivery.body);
      const outcomes = await scheduleRuns(this.ports, event);
      return { delivery, event, outcomes };
    } catch (error) {
      this.ports.log.warn('an event could not be handled and will be delivered again', { eventId: delivery.id, error });
      await this.putBack(delivery, error);
      return undefined;
    }
  }

  private async record(handled: Handled[]): Promise<void> {
    try {
      await this.ports.history.record({
        events: handled.map(({ event, delivery }) => ({ event, envId: DEFAULT_ENV_ID, streamSeq: delivery.seq })),
        outcomes: handled.flatMap(({ outcomes }) => outcomes),
      });
      await this.ports.store.durable();
      await this.ports.stream.ack(
        RUNNER_GROUP,
        handled.map(({ delivery }) => delivery.seq),
      );
    } catch (error) {
      this.ports.log.warn('events could not be recorded and will be delivered again', {
        events: handled.length,
        error,
      });
      await Promise.all(handled.map(({ delivery }) => this.putBack(delivery, error)));
    }
  }

  private async putBack(delivery: Delivery, cause: unknown): Promise<void> {
    const delayMs = REDELIVERY_MS[Math.min(delivery.deliveryCount, REDELIVERY_MS.length) - 1] ?? REDELIVERY_MS[0];
    const reason = cause instanceof Error ? cause.message : String(cause);
    try {
      await this.ports.stream.putBack(RUNNER_GROUP, delivery.seq, delayMs, reason);
    } catch (error) {
      // Neither acknowledged nor put back: the stream delivers it again after its ack wait.
      this.ports.log.error('an event could not be put back', { eventId: delivery.id, error });
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
