import { assertNever } from '@perdure/domain';
import type { StreamMessage } from '@perdure/event-stream';
import type { HistoryBatch, RunHistory } from '@perdure/history';
import { deferredEvents, runEndedEvents, toStoredEvent } from '@perdure/protocol';
import type { OutboxEntry } from '@perdure/store';
import { recordsMessage, type Records } from '../history/record-messages.ts';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { printMemos } from '../replay/kept-memos.ts';
import { parseRunMeta } from '../run/run-meta.ts';
import { runRow } from '../run/run-row.ts';
import { countRuns } from './count-runs.ts';
import { idlePace } from './pace.ts';

/** Entries drained at once. */
const ENTRIES_MAX = 500;
/** Looked at this often even without a hint. */
const FALLBACK_MS = 1_000;
/** Gathers what comes within this time into one batch; nobody waits for it but readers of history. */
const GATHER_MS = 20;

type Ended = Extract<OutboxEntry, { kind: 'run-ended' }>;

/**
 * Brings what happened in a cell to the event stream: events that it caused, and records for history (architecture.md 4,
 * outbox).
 *
 * An entry is dropped only after the stream has what it tells, so a crash repeats entries and loses none; the stream and
 * those who read it recognise repeats by ID.
 */
export class OutboxLoop {
  private readonly ports: Ports;
  private readonly cell: number;
  private readonly loop: BackgroundLoop;
  private gathering: NodeJS.Timeout | undefined;
  private unsubscribe: (() => void)[] = [];

  constructor(ports: Ports, cell: number) {
    this.ports = ports;
    this.cell = cell;
    this.loop = new BackgroundLoop({ name: `drain outbox of cell ${cell}`, log: ports.log, pass: () => this.drain() });
  }

  start(): void {
    const { bus } = this.ports;
    const gatherMine = ({ cell }: { cell: number }): void => {
      if (cell === this.cell) this.gather();
    };
    this.unsubscribe = [bus.subscribe('outbox-filled', gatherMine), bus.onGap(() => this.gather())];
    this.loop.start();
  }

  /** Drains once more, so that what was done before is known to the others at once. */
  async stop(): Promise<void> {
    for (const unsubscribe of this.unsubscribe.splice(0)) unsubscribe();
    clearTimeout(this.gathering);
    this.gathering = undefined;
    await this.loop.stop();
    await this.drain().catch((error: unknown) => {
      this.ports.log.warn('the outbox keeps entries for later', { cell: this.cell, error });
    });
  }

  private gather(): void {
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      this.loop.nudge();
    }, GATHER_MS);
  }

  private async drain(): Promise<number> {
    const { store, stream, telemetry } = this.ports;
    const cell = store.cells[this.cell];
    if (cell === undefined) throw new RangeError(`there is no cell ${this.cell}`);
    for (;;) {
      const entries = await cell.readOutbox(ENTRIES_MAX);
      const [first] = entries;
      const last = entries.at(-1);
      if (first === undefined || last === undefined) return idlePace(FALLBACK_MS, store.cells.length);
      const records = recordsMessage(`${this.cell}:${first.seq}-${last.seq}:${first.at}`, toRecords(entries));
      const span = telemetry.tracer?.start('outbox.drain', {
        attributes: { 'perdure.cell': this.cell, 'perdure.entries': entries.length },
      });
      try {
        await stream.append([...entries.flatMap((entry) => this.eventsOf(entry)), records]);
        await cell.ackOutbox(last);
      } catch (error) {
        span?.end(error);
        throw error;
      }
      span?.end();
      countRuns(this.ports, entries);
      // Fewer than asked for may have been all that fit: only an empty answer means that there is no more.
      if (entries.length < ENTRIES_MAX) return GATHER_MS;
    }
  }

  private eventsOf(entry: OutboxEntry): StreamMessage[] {
    if (entry.kind === 'event') return [{ id: entry.event.eventId, topic: 'events', body: entry.event.body }];
    if (entry.kind !== 'run-ended') return [];
    const { runId, appId, functionId } = entry.run;
    const slug = this.ports.catalog.index.findById(functionId)?.slug ?? String(functionId);
    const { status, at: endedAt, output } = entry;
    const ended = { runId, slug, status, endedAt, events: entry.events, ...(output !== undefined && { output }) };
    const events = [
      ...(entry.publishesEnd ? runEndedEvents(ended) : []),
      ...deferredEvents({ runId, appId, functionId, slug, endedAt }, entry.defers ?? []),
    ];
    const { trace } = parseRunMeta(entry.run.meta);
    return events.map((event) => ({ id: event.internalId, topic: 'events', body: toStoredEvent(event, trace) }));
  }
}

function toRecords(entries: OutboxEntry[]): Records {
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
    ...(entry.memos && { memos: printMemos(entry.memos) }),
  });
}
