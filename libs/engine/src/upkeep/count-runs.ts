import { assertNever } from '@perdure/domain';
import type { OutboxEntry } from '@perdure/store';
import { slugOf } from '../function/slug-of.ts';
import type { Ports } from '../ports.ts';

/**
 * Counts what happened to runs where all of it comes by: whoever caused it, an executor, an event, a timeout or a person.
 * Entries that are drained again after a crash are counted again.
 */
export function countRuns(ports: Ports, entries: readonly OutboxEntry[]): void {
  const { metrics } = ports.telemetry;
  metrics.outboxDrained.add(entries.length);
  for (const entry of entries) {
    switch (entry.kind) {
      case 'run-scheduled':
        metrics.runsScheduled.add(1, slugOf(ports, entry.run.functionId));
        break;
      case 'run-skipped':
        metrics.runsSkipped.add(1, slugOf(ports, entry.run.functionId), entry.reason);
        break;
      case 'run-started':
        metrics.runsStarted.add(1, slugOf(ports, entry.functionId));
        break;
      case 'run-ended':
        metrics.runsEnded.add(1, slugOf(ports, entry.run.functionId), entry.status.toLowerCase());
        break;
      case 'event':
      case 'buffer-closed':
        break;
      default:
        assertNever(entry);
    }
  }
}
