import { GROUP_NAMES } from '@perdure/event-stream';
import type { FunctionDepth, Store } from '@perdure/store';
import type { Sample } from '@perdure/telemetry';
import { slugOf } from '../function/slug-of.ts';
import type { Ports } from '../ports.ts';
import { idlePace } from './pace.ts';

/** What was read is good for this long, however often the metrics are asked for. */
const FRESH_MS = 5_000;
/** Dead letters are read with their bodies: seldom, and not all of them. */
const DEAD_LETTERS_FRESH_MS = 60_000;
const DEAD_LETTERS_MAX = 100;
/** Operations of one reading of a cell that has few lanes. */
const LOOKS_PER_CELL = 3;
/** Lanes in one operation, and operations in one reading: each holds up the store for about a millisecond. */
const LANES_PER_LOOK = 1_000;
const LANE_LOOKS_MAX = 10;
/** Functions told apart, those with the most ready jobs; the others are counted together. */
const FUNCTIONS_SHOWN_MAX = 1_000;
const OTHER_FUNCTIONS = 'other';
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
          'functionReadyJobs',
          'functionOldestReadySeconds',
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
    const depths = read.flatMap((cell) => cell.depths);
    const depth = Math.min(QUEUE_DEPTH_MAX, sumOf(depths));
    return [
      ...read.flatMap(({ samples }) => samples),
      ...this.functionSamples(depths),
      { metric: 'inngestQueueDepth', value: depth },
    ];
  }

  /** By slug: a function may have jobs in several cells, and several registered before under one slug. */
  private functionSamples(depths: readonly FunctionDepth[]): Sample[] {
    const bySlug = Map.groupBy(depths, ({ functionId }) => slugOf(this.ports, functionId));
    const largestFirst = [...bySlug].toSorted(([, a], [, b]) => sumOf(b) - sumOf(a));
    const others = largestFirst.splice(FUNCTIONS_SHOWN_MAX).flatMap(([, more]) => more);
    if (others.length > 0) largestFirst.push([OTHER_FUNCTIONS, others]);
    const now = this.ports.clock.now();
    return largestFirst.flatMap(([slug, ofSlug]): Sample[] => {
      const oldestMs = Math.max(0, ...ofSlug.map((depth) => (depth.oldestReadyAt > 0 ? now - depth.oldestReadyAt : 0)));
      return [
        { metric: 'functionReadyJobs', value: sumOf(ofSlug), labels: [slug] },
        { metric: 'functionOldestReadySeconds', value: oldestMs / 1_000, labels: [slug] },
      ];
    });
  }

  /** Of the lanes that are there longest, where there are very many. */
  private async readDepths(store: Store): Promise<FunctionDepth[]> {
    const depths: FunctionDepth[] = [];
    let after = 0;
    for (let looks = 0; looks < LANE_LOOKS_MAX; looks++) {
      const page = await store.queueDepths({ after, lanesMax: LANES_PER_LOOK });
      depths.push(...page.functions);
      if (page.isLast) break;
      after = page.after;
    }
    return depths;
  }

  private async readCell(store: Store, cell: string): Promise<{ depths: FunctionDepth[]; samples: Sample[] }> {
    const depths = await this.readDepths(store);
    const { delayed, leased, parkedLanes, runs, pauses, outbox } = await store.counts();
    const [oldest] = outbox > 0 ? await store.readOutbox(1) : [];
    const oldestMs = oldest === undefined ? 0 : Math.max(0, this.ports.clock.now() - oldest.at);
    return {
      depths,
      samples: [
        { metric: 'queueJobs', value: sumOf(depths), labels: [cell, 'ready'] },
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

function sumOf(depths: readonly FunctionDepth[]): number {
  return depths.reduce((sum, { jobs }) => sum + jobs, 0);
}
