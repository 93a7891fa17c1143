import { GROUP_NAMES } from '@perdure/event-stream';
import type { Store } from '@perdure/store';
import type { Sample } from '@perdure/telemetry';
import type { Ports } from '../ports.ts';
import { idlePace } from './pace.ts';

/** What was read is good for this long, however often the metrics are asked for. */
const FRESH_MS = 5_000;
/** Dead letters are read with their bodies: seldom, and not all of them. */
const DEAD_LETTERS_FRESH_MS = 60_000;
const DEAD_LETTERS_MAX = 100;
/** Operations of one reading of a cell. */
const LOOKS_PER_CELL = 2;
const QUEUE_DEPTH_MAX = 1e9;

/**
 * Tells what the store and the stream hold, when somebody asks for the metrics; nothing is read while nobody does. A loop
 * in that it starts and stops with its role.
 */
export class GaugesLoop {
  private readonly ports: Ports;
  private remove: (() => void)[] = [];

  constructor(ports: Ports) {
    this.ports = ports;
  }

  start(): void {
    const { metrics } = this.ports.telemetry;
    const { cells } = this.ports.store;
    this.remove = [
      metrics.sample({
        name: 'store',
        metrics: [
          'queueJobs',
          'queueParkedLanes',
          'runsLive',
          'pauses',
          'outboxEntries',
          'outboxOldestSeconds',
          'inngestQueueDepth',
        ],
        freshMs: idlePace(FRESH_MS, cells.length * LOOKS_PER_CELL),
        read: () => this.readStore(),
      }),
      metrics.sample({
        name: 'stream',
        metrics: ['streamLag', 'historyLag'],
        freshMs: FRESH_MS,
        read: () => this.readStream(),
      }),
      metrics.sample({
        name: 'dead letters',
        metrics: ['deadLetters'],
        freshMs: DEAD_LETTERS_FRESH_MS,
        read: () => this.readDeadLetters(),
      }),
    ];
  }

  async stop(): Promise<void> {
    for (const remove of this.remove.splice(0)) remove();
  }

  private async readStore(): Promise<Sample[]> {
    const { cells } = this.ports.store;
    const read = await Promise.all(cells.map((store, cell) => this.readCell(store, String(cell))));
    const ready = read.reduce((sum, cell) => sum + cell.ready, 0);
    const depth = Math.min(QUEUE_DEPTH_MAX, Math.max(0, ready));
    return [...read.flatMap(({ samples }) => samples), { metric: 'inngestQueueDepth', value: depth }];
  }

  private async readCell(store: Store, cell: string): Promise<{ ready: number; samples: Sample[] }> {
    const { ready, delayed, leased, parkedLanes, runs, pauses, outbox } = await store.counts();
    const [oldest] = outbox > 0 ? await store.readOutbox(1) : [];
    const oldestMs = oldest === undefined ? 0 : Math.max(0, this.ports.clock.now() - oldest.at);
    return {
      ready,
      samples: [
        { metric: 'queueJobs', value: ready, labels: [cell, 'ready'] },
        { metric: 'queueJobs', value: delayed, labels: [cell, 'delayed'] },
        { metric: 'queueJobs', value: leased, labels: [cell, 'leased'] },
        { metric: 'queueParkedLanes', value: parkedLanes, labels: [cell] },
        { metric: 'runsLive', value: runs, labels: [cell] },
        { metric: 'pauses', value: pauses, labels: [cell] },
        { metric: 'outboxEntries', value: outbox, labels: [cell] },
        { metric: 'outboxOldestSeconds', value: oldestMs / 1_000, labels: [cell] },
      ],
    };
  }

  private async readStream(): Promise<Sample[]> {
    const { stream } = this.ports;
    const [runner, recorder] = await Promise.all([stream.lag('runner'), stream.lag('recorder')]);
    return [
      { metric: 'streamLag', value: runner },
      { metric: 'historyLag', value: recorder },
    ];
  }

  private async readDeadLetters(): Promise<Sample[]> {
    const letters = await Promise.all(
      GROUP_NAMES.map((group) => this.ports.stream.readDeadLetters(group, DEAD_LETTERS_MAX)),
    );
    return GROUP_NAMES.map((group, i) => ({ metric: 'deadLetters', value: letters[i]?.length ?? 0, labels: [group] }));
  }
}
