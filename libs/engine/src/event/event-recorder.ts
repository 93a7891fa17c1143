import { DEFAULT_ENV_ID, type Event } from '@perdure/domain';
import type { Delivery } from '@perdure/event-stream';
import type { EventOutcomeRecord } from '@perdure/history';
import type { Ports } from '../ports.ts';

/** Gathers what comes within this time into one write: the calls that the events lead to come first. */
const GATHER_MS = 20;
/** Events of one write at most. */
const EVENTS_MAX = 1_000;
/** Events that may wait to be written while more are taken from the stream: bounds memory when history is slow. */
const WAITING_MAX = 8_000;

/** An event whose runs are scheduled. */
export interface HandledEvent {
  delivery: Delivery;
  event: Event;
  outcomes: EventOutcomeRecord[];
}

/**
 * Writes handled events to history and acknowledges them, in batches and off the path of their runs. One write at a time:
 * while history is away, the events wait here and then in the stream, and none is acknowledged.
 */
export class EventRecorder {
  private readonly ports: Ports;
  private readonly acknowledge: (handled: HandledEvent[]) => Promise<void>;
  private readonly giveUp: (handled: HandledEvent[], cause: unknown) => Promise<void>;
  private waiting: HandledEvent[] = [];
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;

  constructor(
    ports: Ports,
    then: {
      acknowledge: (handled: HandledEvent[]) => Promise<void>;
      giveUp: (handled: HandledEvent[], cause: unknown) => Promise<void>;
    },
  ) {
    this.ports = ports;
    this.acknowledge = then.acknowledge;
    this.giveUp = then.giveUp;
  }

  /** Takes events over; resolves when more may be taken. */
  async add(handled: HandledEvent[]): Promise<void> {
    this.waiting.push(...handled);
    this.timer ??= setTimeout(() => this.write(), GATHER_MS);
    while (this.waiting.length > WAITING_MAX) {
      this.write();
      await this.writing;
    }
  }

  /** Resolves when all that was added is written or given up. */
  async flush(): Promise<void> {
    while (this.waiting.length > 0 || this.writing) {
      this.write();
      await this.writing;
    }
  }

  private write(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.writing || this.waiting.length === 0) return;
    const batch = this.waiting.splice(0, EVENTS_MAX);
    this.writing = this.record(batch).finally(() => {
      this.writing = undefined;
      if (this.waiting.length > 0) this.timer ??= setTimeout(() => this.write(), 0);
    });
  }

  private async record(batch: HandledEvent[]): Promise<void> {
    const { history, store, log } = this.ports;
    try {
      await history.record({
        events: batch.map(({ event, delivery }) => ({ event, envId: DEFAULT_ENV_ID, streamSeq: delivery.seq })),
        outcomes: batch.flatMap(({ outcomes }) => outcomes),
      });
      await store.durable();
      await this.acknowledge(batch);
    } catch (error) {
      log.warn('events could not be recorded and will be delivered again', { events: batch.length, error });
      await this.giveUp(batch, error);
    }
  }
}
