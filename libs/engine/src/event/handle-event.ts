import type { JsonObject } from '@perdure/domain';
import { type StoredEvent, toDeliveredEvent } from '@perdure/protocol';
import type { Ports } from '../ports.ts';
import { type Scheduled, scheduleRuns } from '../run/schedule-runs.ts';
import { continueRuns } from '../wait/continue-runs.ts';

/**
 * Does what one event leads to: runs start, waiting ones go on or end (execution.md 2). Safe to repeat. Problems of the
 * user's making are outcomes; only what the platform failed at is thrown, so that the event is delivered again.
 */
export async function handleEvent(ports: Ports, event: StoredEvent): Promise<Scheduled> {
  const delivered: JsonObject = toDeliveredEvent(event);
  const [scheduled, continued] = await Promise.all([
    scheduleRuns(ports, event, delivered),
    continueRuns(ports, event, delivered),
  ]);
  return { outcomes: scheduled.outcomes, cells: [...scheduled.cells, ...continued] };
}

/** The same for an event that was handled before a cell lost its last writes. */
export async function handleAgain(ports: Ports, event: StoredEvent, cell: number): Promise<void> {
  const delivered = toDeliveredEvent(event);
  await scheduleRuns(ports, event, delivered, cell);
  // What began to wait after the event must not have it: by now it would.
  await continueRuns(ports, event, delivered, { slackMs: 0 });
}
