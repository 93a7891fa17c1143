import type { Delivery } from '@perdure/event-stream';
import { parseStoredEvent } from '@perdure/protocol';
import type { Ports } from '../ports.ts';
import { scheduleRuns } from '../run/schedule-runs.ts';
import { EventRecorder, type HandledEvent } from './event-recorder.ts';

export const RUNNER_GROUP = 'runner';
/** Events taken from the stream at once. */
const BATCH_MAX = 256;
/** Pause before an event whose handling failed is delivered again; grows with its deliveries. */
const REDELIVERY_MS = [250, 1_000, 5_000, 15_000, 60_000] as const;

/**
 * Turns events into runs.
 *
 * Invariants:
 * 1. An event is acknowledged only after each matching function has its run (or its recorded outcome), the event is in
 *    history, and both survive loss of power.
 * 2. Scheduling does not wait for history: events are recorded while the next ones are scheduled (`EventRecorder`).
 * 3. One event that cannot be handled delays no other.
 */
export class EventLoop {
  private readonly ports: Ports;
  private readonly abort = new AbortController();
  private readonly recorder: EventRecorder;
  private running: Promise<void> | undefined;

  constructor(ports: Ports) {
    this.ports = ports;
    this.recorder = new EventRecorder(ports, {
      acknowledge: (handled) =>
        ports.stream.ack(
          RUNNER_GROUP,
          handled.map(({ delivery }) => delivery.seq),
        ),
      giveUp: async (handled, cause) => {
        await Promise.all(handled.map(({ delivery }) => this.putBack(delivery, cause)));
      },
    });
  }

  start(): void {
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.running;
    await this.recorder.flush();
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
    await this.recorder.add(handled.filter((item) => item !== undefined));
  }

  private async handle(delivery: Delivery): Promise<HandledEvent | undefined> {
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
