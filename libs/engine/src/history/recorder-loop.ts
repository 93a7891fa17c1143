import { DEFAULT_ENV_ID } from '@perdure/domain';
import type { Delivery } from '@perdure/event-stream';
import type { HistoryBatch } from '@perdure/history';
import { parseStoredEvent } from '@perdure/protocol';
import { HeldMessages } from '../event/held-messages.ts';
import { pause } from '../loop/pause.ts';
import { isOutage, throughOutage } from '../loop/through-outage.ts';
import type { Ports } from '../ports.ts';
import { parseRecords } from './record-messages.ts';

const GROUP = 'recorder';
/** Messages of one write at most. */
const BATCH_MAX = 1_000;
/** Gathers what comes within this time into one write: the calls that the events lead to come first. */
const GATHER_MS = 20;
/** Pause before a message that history refused is tried again. */
const REFUSED_MS = 30_000;
const FAILURE_PAUSE_MS = 1_000;

/**
 * Writes to history what the stream tells: events, their outcomes, and what happened to runs.
 *
 * Invariants:
 * 1. A message is acknowledged only after history has it; repeats change nothing there.
 * 2. While history is away one batch waits here and all others in the stream, unlimited; nobody else waits for it.
 * 3. A message that history refuses for its own sake holds up no other; it ends in the dead letters.
 */
export class RecorderLoop {
  private readonly ports: Ports;
  private readonly abort = new AbortController();
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
    this.held.stop();
  }

  private async run(): Promise<void> {
    const { signal } = this.abort;
    while (!signal.aborted) {
      try {
        const batch = await this.gather();
        if (batch.length > 0) await this.record(batch);
      } catch (error) {
        if (signal.aborted) return;
        this.ports.log.error('history could not be written', { error });
        await pause(FAILURE_PAUSE_MS, signal);
      }
    }
  }

  /** What is there, and what comes shortly after its first message. */
  private async gather(): Promise<Delivery[]> {
    const { stream } = this.ports;
    const { signal } = this.abort;
    const batch = await stream.pull(GROUP, BATCH_MAX, signal);
    this.held.hold(batch);
    if (batch.length === 0) return batch;
    const late = AbortSignal.any([signal, AbortSignal.timeout(GATHER_MS)]);
    while (!late.aborted && batch.length < BATCH_MAX) {
      const more = await stream.pull(GROUP, BATCH_MAX - batch.length, late);
      this.held.hold(more);
      batch.push(...more);
    }
    return batch;
  }

  private async record(batch: Delivery[]): Promise<void> {
    const { history, log } = this.ports;
    const { signal } = this.abort;
    const write = (): Promise<void> => history.record(toBatch(batch));
    try {
      await throughOutage(write, { what: 'record history', log, signal });
      await this.done(batch);
    } catch (error) {
      if (isOutage(error)) throw error;
      await this.recordEach(batch, error);
    }
  }

  /** Finds out which messages are to blame; the others are recorded. */
  private async recordEach(batch: Delivery[], cause: unknown): Promise<void> {
    const { stream, log } = this.ports;
    const [only] = batch;
    if (only === undefined) return;
    if (batch.length > 1) {
      const half = batch.length >> 1;
      await this.record(batch.slice(0, half));
      await this.record(batch.slice(half));
      return;
    }
    log.error('history refuses a message', { messageId: only.id, deliveries: only.deliveryCount, error: cause });
    const reason = cause instanceof Error ? cause.message : String(cause);
    await stream.putBack(GROUP, only.seq, REFUSED_MS, reason);
    this.held.release(batch);
  }

  private async done(batch: Delivery[]): Promise<void> {
    await this.ports.stream.ack(
      GROUP,
      batch.map(({ seq }) => seq),
    );
    this.held.release(batch);
  }
}

function toBatch(deliveries: Delivery[]): HistoryBatch {
  const batch: Required<HistoryBatch> = { events: [], outcomes: [], runs: [], started: [], metadata: [], spans: [] };
  for (const { topic, body, seq } of deliveries) {
    if (topic === 'events') {
      batch.events.push({ event: parseStoredEvent(body), envId: DEFAULT_ENV_ID, streamSeq: seq });
      continue;
    }
    const { outcomes = [], runs = [], started = [], metadata = [], spans = [] } = parseRecords(body);
    batch.outcomes.push(...outcomes);
    batch.runs.push(...runs);
    batch.started.push(...started);
    batch.metadata.push(...metadata);
    batch.spans.push(...spans);
  }
  return batch;
}
