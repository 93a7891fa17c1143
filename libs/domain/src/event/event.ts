import type { EventId, FunctionId } from '../ids/ids.ts';
import type { EpochMs } from '../time/clock.ts';

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** An immutable fact received: what functions are triggered by (execution.md 1.2). */
export interface Event {
  /** Given by the server; the ULID's time is the time of receipt, unless the sender gave a seed. */
  internalId: EventId;
  receivedAt: EpochMs;
  name: string;
  /** The sender's own ID: runs are deduplicated by it for 24 hours, a function at a time. */
  id?: string;
  data: JsonObject;
  /** The sender's time; when it lies ahead, runs start no earlier. */
  ts: EpochMs;
  user?: JsonObject;
  v?: string;
  meta?: JsonObject;
  /** Made by the platform for this function alone, whatever other triggers match. Never shown. */
  target?: FunctionId;
}

export const EVENT_NAME_MAX = 512;
export const EVENT_BYTES_MAX = 3 * 1024 * 1024;
export const EVENTS_PER_REQUEST_MAX = 5000;
export const EVENT_TS_MIN: EpochMs = Date.UTC(1980, 0, 1);
/** Exclusive. */
export const EVENT_TS_MAX: EpochMs = Date.UTC(2100, 0, 1);
export const INTERNAL_EVENT_PREFIX = 'inngest/';

export const INTERNAL_EVENTS = {
  finished: 'inngest/function.finished',
  failed: 'inngest/function.failed',
  cancelled: 'inngest/function.cancelled',
  invoked: 'inngest/function.invoked',
  cronTick: 'inngest/scheduled.timer',
  deferred: 'inngest/deferred.schedule',
  httpRequest: 'inngest/http.request',
} as const;
