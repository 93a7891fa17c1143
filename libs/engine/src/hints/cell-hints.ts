import { cellOfRun, type RunId } from '@perdure/domain';
import type { Ports } from '../ports.ts';

/** Hints at something in the run's cell. */
export function hintOfCell(ports: Ports, topic: 'jobs-ready' | 'outbox-filled', runId: RunId): void {
  ports.bus.publish(topic, { cell: cellOfRun(runId, ports.store.cells.length) });
}
