import { cellOfRun, DEFAULT_ENV_ID, type Event, INTERNAL_EVENTS, type JsonObject } from '@perdure/domain';
import { asJsonObject, canonicalJson } from '@perdure/protocol';
import type { WaitingPause } from '@perdure/store';
import type { Ports } from '../ports.ts';
import { parseRunMeta } from '../run/run-meta.ts';
import { invokeMemo } from './invoke-memo.ts';
import { anchorsAt, fits } from './pause-for-event.ts';

/** Pauses looked at, and consumed, at once. */
const PAGE_MAX = 200;
/** An event may be this much older than the wait it ends: clocks of different machines, and time in the stream. */
const SLACK_MS = 5_000;

/** One event, as pauses are tried with it. */
interface Arrival {
  event: Event;
  delivered: JsonObject;
  /** What a wait ends with. */
  memo: string;
  slackMs: number;
}

/**
 * Continues, or ends, the runs that wait for this event (execution.md 2.8, 4.9, 5.8, 5.10). Answers the cells in which
 * something happened. Safe to repeat: each pause is consumed once.
 *
 * Every pause that fits is found before the first is consumed: what a run that goes on waits for next is not met by the
 * event that made it go on, nor does looking for more of them ever end.
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
  const arrival: Arrival = { event, delivered, memo: canonicalJson(delivered), slackMs };
  const fitting = await findFitting(ports, arrival, paths);
  for (let i = 0; i < fitting.length; i += PAGE_MAX) {
    await Promise.all(fitting.slice(i, i + PAGE_MAX).map((pause) => consume(ports, pause, arrival, note)));
  }
  return [...cells];
}

async function findFitting(ports: Ports, arrival: Arrival, paths: readonly string[]): Promise<WaitingPause[]> {
  const anchors = anchorsAt(arrival.delivered, paths);
  const fitting = new Map<string, WaitingPause>();
  let cursor: string | undefined;
  do {
    const page = await ports.store.findPauses({
      envId: DEFAULT_ENV_ID,
      event: arrival.event.name,
      anchors,
      pausesMax: PAGE_MAX,
      ...(cursor !== undefined && { cursor }),
    });
    const isFitting = await Promise.all(page.pauses.map((pause) => fitsPause(ports, pause, arrival)));
    page.pauses.forEach((pause, i) => isFitting[i] === true && fitting.set(pause.pauseId, pause));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return [...fitting.values()];
}

async function fitsPause(ports: Ports, pause: WaitingPause, arrival: Arrival): Promise<boolean> {
  const { event, delivered, slackMs } = arrival;
  const now = ports.clock.now();
  if (pause.expiresAt < now) return false;
  if (event.receivedAt < pause.createdAt - (pause.kind === 'cancel' ? 0 : slackMs)) return false;
  const fit = fits(pause.expression, delivered, now);
  if (fit.kind === 'error') {
    const { runId, functionId } = pause;
    ports.log.warn('the expression of a wait failed', {
      eventId: event.internalId,
      runId,
      functionId,
      reason: fit.message,
    });
  }
  return fit.kind === 'yes' && !(await hasHad(ports, pause, arrival));
}

/**
 * Whether the run knows the event already: it was started by it, or an earlier wait of it ended with it and the event is
 * delivered again. Only a pause that is younger than the event, give or take the clocks, can be of such a run.
 */
async function hasHad({ store }: Ports, pause: WaitingPause, { event, memo }: Arrival): Promise<boolean> {
  if (event.receivedAt > pause.createdAt + SLACK_MS) return false;
  const run = await store.findRun(pause.runId);
  if (run === undefined || parseRunMeta(run.meta).eventIds.includes(event.internalId)) return true;
  if (pause.kind === 'cancel') return false;
  const state = await store.findRunState(pause.runId);
  return state !== undefined && Object.values(state.steps).includes(memo);
}

async function consume(
  { store }: Ports,
  pause: WaitingPause,
  { event, memo }: Arrival,
  note: (runId: string) => void,
): Promise<void> {
  const how = pause.kind === 'cancel' ? { reason: `event:${event.internalId}` } : { memo };
  const result = await store.consumePause({ pauseId: pause.pauseId, ...how });
  if (result.kind === 'resumed') note(result.runId);
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
