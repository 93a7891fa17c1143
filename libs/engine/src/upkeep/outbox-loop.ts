import { assertNever, type RunId } from '@perdure/domain';
import type { StreamMessage } from '@perdure/event-stream';
import type { EventOutcomeRecord, HistoryBatch, RunHistory } from '@perdure/history';
import { deferredEvents, runEndedEvents, toStoredEvent } from '@perdure/protocol';
import type { OutboxEntry, Store } from '@perdure/store';
import { recordsMessage, type Records } from '../history/record-messages.ts';
import { BackgroundLoop } from '../loop/background-loop.ts';
import { isOutage } from '../loop/through-outage.ts';
import type { Ports } from '../ports.ts';
import { printMemos } from '../replay/kept-memos.ts';
import { parseRunMeta } from '../run/run-meta.ts';
import { runRow } from '../run/run-row.ts';
import { abandonBuffered, type Closing, scheduleBuffered } from '../run/schedule-buffered.ts';
import { countRuns } from './count-runs.ts';
import { idlePace } from './pace.ts';
import { storeOfCell } from './store-of-cell.ts';

/** Entries drained at once. */
const ENTRIES_MAX = 500;
/** Looked at this often even without a hint. */
const FALLBACK_MS = 1_000;
/** Gathers what comes within this time into one batch; nobody waits for it but readers of history. */
const GATHER_MS = 20;
/** Tries of a buffer's run that fail for another reason than an outage, before the entries behind it are no longer held up. */
const TRIES_MAX = 5;

type Ended = Extract<OutboxEntry, { kind: 'run-ended' }>;

/**
 * Brings what happened in a cell to the event stream: events that it caused, and records for history (architecture.md 4,
 * outbox). Buffers that were closed become runs here.
 *
 * An entry is dropped only after the stream has what it tells, and the store for good the run that it is for; so a crash repeats
 * entries and loses none. The stream, those who read it, and the store recognise repeats by ID.
 */
export class OutboxLoop {
  private readonly ports: Ports;
  private readonly cell: number;
  private readonly loop: BackgroundLoop;
  private gathering: NodeJS.Timeout | undefined;
  /** By buffer, how often scheduling its run failed. */
  private readonly failures = new Map<RunId, number>();
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
    const cell = storeOfCell(this.ports, this.cell);
    for (;;) {
      const entries = await cell.readOutbox(ENTRIES_MAX);
      const [first] = entries;
      const last = entries.at(-1);
      if (first === undefined || last === undefined) return idlePace(FALLBACK_MS, store.cells.length);
      const span = telemetry.tracer?.start('outbox.drain', {
        attributes: { 'perdure.cell': this.cell, 'perdure.entries': entries.length },
      });
      try {
        const outcomes = await this.scheduleBuffered(cell, entries);
        const records = { ...toRecords(entries), ...(outcomes.length > 0 && { outcomes }) };
        const message = recordsMessage(`${this.cell}:${first.seq}-${last.seq}:${first.at}`, records);
        await stream.append([...entries.flatMap((entry) => this.eventsOf(entry)), message]);
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

  /** The runs of buffers that were closed, each for itself: one that fails keeps no other from being scheduled. */
  private async scheduleBuffered(cell: Store, entries: OutboxEntry[]): Promise<EventOutcomeRecord[]> {
    const closings = entries.flatMap((entry) =>
      entry.kind === 'buffer-closed' ? [{ buffer: entry.buffer, closedAt: entry.at, cell: this.cell }] : [],
    );
    if (closings.length === 0) return [];
    const results = await Promise.allSettled(closings.map((closing) => this.scheduleOne(closing)));
    this.ports.bus.publish('jobs-ready', { cell: this.cell });
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await cell.durable();
    return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  }

  private async scheduleOne(closing: Closing): Promise<EventOutcomeRecord[]> {
    const { bufferId } = closing.buffer;
    try {
      const outcomes = await scheduleBuffered(this.ports, closing);
      this.failures.delete(bufferId);
      return outcomes;
    } catch (error) {
      if (isOutage(error)) throw error;
      const failures = (this.failures.get(bufferId) ?? 0) + 1;
      this.failures.set(bufferId, failures);
      if (failures < TRIES_MAX) throw error;
      return abandonBuffered(this.ports, closing, error);
    }
  }

  private eventsOf(entry: OutboxEntry): StreamMessage[] {
    if (entry.kind === 'event') return [{ id: entry.event.eventId, topic: 'events', body: entry.event.body }];
    if (entry.kind !== 'run-ended') return [];
    const { runId, appId, functionId } = entry.run;
    const slug = this.ports.catalog.index.findById(functionId)?.slug ?? String(functionId);
    const { status, at: endedAt, output } = entry;
    const { trace, callers } = parseRunMeta(entry.run.meta);
    const ended = {
      runId,
      slug,
      status,
      endedAt,
      events: entry.events,
      ...(output !== undefined && { output }),
      ...(callers !== undefined && { callers }),
    };
    const events = [
      ...(entry.publishesEnd ? runEndedEvents(ended) : []),
      ...deferredEvents({ runId, appId, functionId, slug, endedAt }, entry.defers ?? []),
    ];
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
      case 'buffer-closed':
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
