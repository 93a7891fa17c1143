import type { Delivery } from '@perdure/event-stream';
import type { EventOutcomeRecord } from '@perdure/history';
import { parseStoredEvent, type StoredEvent, toDeliveredEvent } from '@perdure/protocol';
import type { Span } from '@perdure/telemetry';
import type { FunctionIndex } from '../function/function-index.ts';
import { recordsMessage } from '../history/record-messages.ts';
import { pause } from '../loop/pause.ts';
import { throughOutage } from '../loop/through-outage.ts';
import type { Ports } from '../ports.ts';
import { type Scheduled, scheduleRuns } from '../run/schedule-runs.ts';
import { handleEvent } from './handle-event.ts';
import { HeldMessages } from './held-messages.ts';

const GROUP = 'runner';
/** Events taken from the stream at once. */
const BATCH_MAX = 256;
/** Batches whose runs are scheduled and which wait for that to be durable. */
const SETTLING_MAX = 16;
/** Pause before an event whose handling failed is delivered again; grows with its deliveries. */
const REDELIVERY_MS = [250, 1_000, 5_000, 15_000, 60_000] as const;

/** An event whose runs are scheduled. */
interface Handled {
  delivery: Delivery;
  event: StoredEvent;
  scheduled: Scheduled;
  /** The functions it was matched with. */
  index: FunctionIndex;
}

/**
 * Turns events into runs.
 *
 * Invariants:
 * 1. An event is acknowledged only after each matching function has its run, or its outcome is in the stream for history,
 *    and both survive loss of power.
 * 2. A function that was registered before an event was sent has its run, also when this process had yet to hear of the
 *    registration: before the event is acknowledged the functions are confirmed, and those that are new get the event too.
 * 3. The next events are scheduled while the ones before become durable.
 * 4. One event that cannot be handled delays no other, and is given up in the end; an outage of the store or the stream
 *    spends none of its deliveries.
 */
export class EventLoop {
  private readonly ports: Ports;
  private readonly abort = new AbortController();
  private readonly settling = new Set<Promise<void>>();
  private readonly held: HeldMessages;
  private running: Promise<void> | undefined;

  constructor(ports: Ports) {
    this.ports = ports;
    this.held = new HeldMessages(ports, GROUP);
  }

  start(): void {
    this.held.start();
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.running;
    await Promise.all(this.settling);
    this.held.stop();
  }

  private async run(): Promise<void> {
    const { signal } = this.abort;
    while (!signal.aborted) {
      try {
        const batch = await this.ports.stream.pull(GROUP, BATCH_MAX, signal);
        if (batch.length > 0) await this.takeBatch(batch);
      } catch (error) {
        if (signal.aborted) return;
        this.ports.log.error('events could not be taken from the stream', { error });
        await pause(REDELIVERY_MS[1], signal);
      }
    }
  }

  private async takeBatch(batch: Delivery[]): Promise<void> {
    this.held.hold(batch);
    const results = await Promise.all(batch.map((delivery) => this.handle(delivery)));
    const handled = results.filter((result) => result !== undefined);
    this.hint(handled.flatMap(({ scheduled }) => scheduled.cells));
    while (this.settling.size >= SETTLING_MAX) await Promise.race(this.settling);
    const settling = this.settle(handled).finally(() => this.settling.delete(settling));
    this.settling.add(settling);
  }

  private async handle(delivery: Delivery): Promise<Handled | undefined> {
    const { log, clock, telemetry } = this.ports;
    const { signal } = this.abort;
    let span: Span | undefined;
    try {
      const event = parseStoredEvent(delivery.body);
      const { index } = this.ports.catalog;
      span = telemetry.tracer?.start('event.handle', {
        parent: event.trace,
        attributes: { 'perdure.event_id': event.internalId, 'perdure.event': event.name },
      });
      if (span) event.trace = span.traceparent;
      const handle = (): Promise<Scheduled> => handleEvent(this.ports, event);
      const scheduled = await throughOutage(handle, { what: 'handle events', log, signal });
      telemetry.metrics.eventDelaySeconds.observe(Math.max(0, clock.now() - delivery.appendedAt) / 1_000);
      return { delivery, event, scheduled, index };
    } catch (error) {
      span?.end(error);
      log.warn('an event could not be handled and will be delivered again', { eventId: delivery.id, error });
      await this.putBack(delivery, error);
      return undefined;
    } finally {
      span?.end();
    }
  }

  /** Acknowledges what is durable. Never fails: what cannot be settled is delivered again. */
  private async settle(handled: Handled[]): Promise<void> {
    if (handled.length === 0) return;
    const { log } = this.ports;
    const { signal } = this.abort;
    const deliveries = handled.map(({ delivery }) => delivery);
    const acknowledge = async (): Promise<void> => {
      const late = await this.handleNewFunctions(handled);
      await this.makeDurable([...handled, ...late].flatMap(({ scheduled }) => scheduled.outcomes));
      await this.ports.stream.ack(
        GROUP,
        deliveries.map(({ seq }) => seq),
      );
    };
    try {
      await throughOutage(acknowledge, { what: 'acknowledge events', log, signal });
      this.held.release(deliveries);
    } catch (error) {
      log.warn('events could not be acknowledged and will be delivered again', { events: handled.length, error });
      await Promise.all(deliveries.map((delivery) => this.putBack(delivery, error)));
    }
  }

  /** Functions that were registered before the events and became known here after they were matched get them too. */
  private async handleNewFunctions(handled: Handled[]): Promise<{ scheduled: Scheduled }[]> {
    const index = await this.ports.catalog.confirm();
    const stale = handled.filter((item) => item.index !== index);
    return Promise.all(
      stale.map(async ({ event }) => {
        const scheduled = await scheduleRuns(this.ports, event, toDeliveredEvent(event));
        this.hint(scheduled.cells);
        return { scheduled };
      }),
    );
  }

  private hint(cells: number[]): void {
    for (const cell of new Set(cells)) {
      this.ports.bus.publish('jobs-ready', { cell });
      this.ports.bus.publish('outbox-filled', { cell });
    }
  }

  /** Outcomes go to history through the stream, so that scheduling depends on no database. */
  private async makeDurable(outcomes: EventOutcomeRecord[]): Promise<void> {
    const { store, stream, ids } = this.ports;
    const recorded = outcomes.length > 0 && stream.append([recordsMessage(ids.token(), { outcomes })]);
    await Promise.all([store.durable(), recorded]);
  }

  private async putBack(delivery: Delivery, cause: unknown): Promise<void> {
    this.held.release([delivery]);
    this.ports.telemetry.metrics.eventsPutBack.add(1);
    const delayMs = REDELIVERY_MS[Math.min(delivery.deliveryCount, REDELIVERY_MS.length) - 1] ?? REDELIVERY_MS[0];
    const reason = cause instanceof Error ? cause.message : String(cause);
    try {
      await this.ports.stream.putBack(GROUP, delivery.seq, delayMs, reason);
    } catch (error) {
      // Neither acknowledged nor put back: the stream delivers it again after its ack wait.
      this.ports.log.error('an event could not be put back', { eventId: delivery.id, error });
    }
  }
}
