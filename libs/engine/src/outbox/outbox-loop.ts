import { assertNever } from '@perdure/domain';
import type { StreamMessage } from '@perdure/event-stream';
import type { HistoryBatch, RunHistory } from '@perdure/history';
import { runEndedEvents, toStoredEvent } from '@perdure/protocol';
import type { OutboxEntry } from '@perdure/store';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { runRow } from '../run/run-row.ts';

/** Entries drained at once. */
const ENTRIES_MAX = 500;
/** Looked at this often even without a hint. */
const FALLBACK_MS = 1_000;
/** Gathers what comes within this time into one batch; nobody waits for it but readers of history. */
const GATHER_MS = 20;

type Ended = Extract<OutboxEntry, { kind: 'run-ended' }>;

/**
 * Brings what happened in the store to the event stream and to history (architecture.md 4, outbox).
 *
 * An entry is dropped only after its events are in the stream and its records in history, so a crash repeats entries
 * and loses none; both sides recognise repeats by ID.
 */
export class OutboxLoop {
  private readonly ports: Ports;
  private readonly loop: BackgroundLoop;
  private gathering: NodeJS.Timeout | undefined;
  private unsubscribe: (() => void) | undefined;

  constructor(ports: Ports) {
    this.ports = ports;
    this.loop = new BackgroundLoop({ name: 'drain outbox', log: ports.log, pass: () => this.drain() });
  }

  start(): void {
    this.unsubscribe = this.ports.bus.subscribe('outbox-filled', () => this.gather());
    this.loop.start();
  }

  /** Drains once more, so that what was done before is visible to the next process at once. */
  async stop(): Promise<void> {
    this.unsubscribe?.();
    clearTimeout(this.gathering);
    await this.loop.stop();
    await this.drain().catch((error: unknown) => {
      this.ports.log.warn('the outbox keeps entries for the next start', { error });
    });
  }

  private gather(): void {
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      this.loop.nudge();
    }, GATHER_MS);
  }

  private async drain(): Promise<number> {
    const { store, stream, history } = this.ports;
    for (;;) {
      const entries = await store.readOutbox(ENTRIES_MAX);
      const last = entries.at(-1);
      if (last === undefined) return FALLBACK_MS;
      const messages = entries.flatMap((entry) => this.messagesOf(entry));
      await Promise.all([
        messages.length > 0 ? stream.append(messages) : undefined,
        history.record(toHistory(entries)),
      ]);
      await store.ackOutbox(last.seq);
      // Fewer than asked for may have been all that fit: only an empty answer means that there is no more.
      if (entries.length < ENTRIES_MAX) return GATHER_MS;
    }
  }

  private messagesOf(entry: OutboxEntry): StreamMessage[] {
    if (entry.kind === 'event') return [{ id: entry.event.eventId, body: entry.event.body }];
    if (entry.kind !== 'run-ended' || !entry.publishesEnd) return [];
    const events = runEndedEvents({
      runId: entry.run.runId,
      slug: this.ports.catalog.index.findById(entry.run.functionId)?.slug ?? String(entry.run.functionId),
      status: entry.status,
      endedAt: entry.at,
      events: entry.events,
      ...(entry.output !== undefined && { output: entry.output }),
    });
    return events.map((event) => ({ id: event.internalId, body: toStoredEvent(event) }));
  }
}

function toHistory(entries: OutboxEntry[]): HistoryBatch {
  const runs: RunHistory[] = [];
  const started: NonNullable<HistoryBatch['started']> = [];
  for (const entry of entries) {
    switch (entry.kind) {
      case 'run-scheduled':
        runs.push(runRow(entry.run, { status: 'Scheduled' }));
        break;
      case 'run-skipped':
        runs.push(runRow(entry.run, { status: 'Skipped', skipReason: entry.reason, endedAt: entry.at }));
        break;
      case 'run-started':
        started.push({ runId: entry.runId, at: entry.at });
        break;
      case 'run-ended':
        runs.push(endedRow(entry));
        break;
      case 'event':
        break;
      default:
        assertNever(entry);
    }
  }
  return { runs, started };
}

function endedRow(entry: Ended): RunHistory {
  return runRow(entry.run, {
    status: entry.status,
    endedAt: entry.at,
    ...(entry.output !== undefined && { output: entry.output }),
    ...(entry.reason !== undefined && { reason: entry.reason }),
  });
}
