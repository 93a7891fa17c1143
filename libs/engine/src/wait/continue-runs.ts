import { cellOfRun, DEFAULT_ENV_ID, type Event, INTERNAL_EVENTS, type JsonObject } from '@perdure/domain';
import { asJsonObject, canonicalJson } from '@perdure/protocol';
import type { WaitingPause } from '@perdure/store';
import type { Ports } from '../ports.ts';
import { parseRunMeta } from '../run/run-meta.ts';
import { invokeMemo } from './invoke-memo.ts';
import { anchorsAt, fits } from './pause-for-event.ts';

/** Pauses looked at at once. */
const PAGE_MAX = 200;
/** An event may be this much older than the wait it ends: clocks of different machines, and time in the stream. */
const SLACK_MS = 5_000;

/**
 * Continues, or ends, the runs that wait for this event (execution.md 2.8, 4.9, 5.8, 5.10). Answers the cells in which
 * something happened. Safe to repeat: each pause is consumed once.
 */
export async function continueRuns(
  ports: Ports,
  event: Event,
  delivered: JsonObject,
  { slackMs = SLACK_MS }: { slackMs?: number } = {},
): Promise<number[]> {
  const cells = new Set<number>();
  const note = (runId: string): void => void cells.add(cellOfRun(runId, ports.store.cells.length));
  if (event.name === INTERNAL_EVENTS.finished) await replyToInvoke(ports, event, note);
  const { hasPauses, paths } = await ports.store.findPausePaths(DEFAULT_ENV_ID, event.name);
  if (!hasPauses) return [...cells];
  const memo = canonicalJson(delivered);
  const anchors = anchorsAt(delivered, paths);
  let cursor: string | undefined;
  do {
    const page = await ports.store.findPauses({
      envId: DEFAULT_ENV_ID,
      event: event.name,
      anchors,
      pausesMax: PAGE_MAX,
      ...(cursor !== undefined && { cursor }),
    });
    await Promise.all(page.pauses.map((pause) => tryPause(ports, pause, { event, delivered, memo, slackMs }, note)));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return [...cells];
}

async function tryPause(
  ports: Ports,
  pause: WaitingPause,
  { event, delivered, memo, slackMs }: { event: Event; delivered: JsonObject; memo: string; slackMs: number },
  note: (runId: string) => void,
): Promise<void> {
  const { store, clock, log } = ports;
  const now = clock.now();
  if (pause.expiresAt < now) return;
  const slack = pause.kind === 'cancel' ? 0 : slackMs;
  if (event.receivedAt < pause.createdAt - slack) return;
  const fit = fits(pause.expression, delivered, now);
  if (fit.kind === 'error') {
    const { runId, functionId } = pause;
    log.warn('the expression of a wait failed', { eventId: event.internalId, runId, functionId, reason: fit.message });
  }
  if (fit.kind !== 'yes') return;
  if (pause.kind === 'cancel' && (await isTrigger(ports, pause, event))) return;
  const how = pause.kind === 'cancel' ? { reason: `event:${event.internalId}` } : { memo };
  const result = await store.consumePause({ pauseId: pause.pauseId, ...how });
  if (result.kind === 'resumed') note(result.runId);
}

/** Whether the event started the run that it would cancel. */
async function isTrigger(ports: Ports, pause: WaitingPause, event: Event): Promise<boolean> {
  const run = await ports.store.findRun(pause.runId);
  return run !== undefined && parseRunMeta(run.meta).eventIds.includes(event.internalId);
}

/** The end of an invoked run is the outcome of the step that invoked it. */
async function replyToInvoke(ports: Ports, event: Event, note: (runId: string) => void): Promise<void> {
  const correlationId = event.data['correlation_id'];
  if (typeof correlationId !== 'string' || correlationId === '') return;
  const status = asJsonObject(event.data['_inngest'])?.['status'];
  const result = await ports.store.resume({
    envId: DEFAULT_ENV_ID,
    kind: 'invoke',
    correlationId,
    memo: invokeMemo({ status, result: event.data['result'], error: event.data['error'] }),
  });
  if (result.kind === 'resumed') note(result.runId);
}
