import type { EventInput, ServerApi } from '../server-api.ts';
import type { AcknowledgedEvent } from './ledger.ts';

/** Requests come as often as this, each with the events that are due: a busy machine sends fewer, fuller ones. */
const REQUEST_EVERY_MS = 10;
/** A test that stood still does not send all that it missed. */
const EVENTS_PER_REQUEST_MAX = 100;

export interface Load {
  /** What the server has answered with 200 so far. */
  readonly acknowledged: readonly AcknowledgedEvent[];
  /** How often each status, or `no answer`, was got. */
  readonly answers: Readonly<Record<string, number>>;
  /** Sends no more, and resolves when the last request is answered. */
  stop(): Promise<readonly AcknowledgedEvent[]>;
}

/** Sends events, `perSecond` of them, until it is stopped; `next` gives the n-th. */
export function startLoad(api: ServerApi, perSecond: number, next: (n: number) => EventInput): Load {
  const acknowledged: AcknowledgedEvent[] = [];
  const answers: Record<string, number> = {};
  const open = new Set<Promise<void>>();
  let sent = 0;
  let lastAt = performance.now();

  const send = async (): Promise<void> => {
    const due = Math.floor(((performance.now() - lastAt) * perSecond) / 1_000);
    if (due === 0) return;
    lastAt += (due * 1_000) / perSecond;
    const events = Array.from({ length: Math.min(due, EVENTS_PER_REQUEST_MAX) }, () => next((sent += 1)));
    const outcome = await post(api, events);
    answers[outcome.answer] = (answers[outcome.answer] ?? 0) + 1;
    acknowledged.push(...outcome.ids.map((id, index) => ({ id, name: events[index]?.name ?? '' })));
  };
  const timer = setInterval(() => {
    const request = send();
    open.add(request);
    void request.finally(() => open.delete(request));
  }, REQUEST_EVERY_MS);
  return {
    acknowledged,
    answers,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      return acknowledged;
    },
  };
}

/** Nobody there, or an answer that was lost, is an outcome: such events may run or not. */
async function post(api: ServerApi, events: EventInput[]): Promise<{ answer: string; ids: string[] }> {
  try {
    const { status, body } = await api.postEvents(events as never);
    return { answer: String(status), ids: status === 200 ? (body['ids'] as string[]) : [] };
  } catch {
    return { answer: 'no answer', ids: [] };
  }
}
