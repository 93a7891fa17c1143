import { createHash } from 'node:crypto';
import { type EpochMs, type Event, type FunctionDefinition, INTERNAL_EVENTS } from '@perdure/domain';
import { derivedUlid } from '@perdure/protocol';
import type { CronSchedule } from './cron-schedule.ts';

/** What becomes of ticks that nobody was there to fire (execution.md PD-20). */
export type CatchUp = 'latest' | 'all' | 'none';

/** A tick this late was missed: nobody was there at its instant. */
const LATE_MS = 60_000;
/** Ticks within that time at most: one a minute, and the one at each end. */
const ON_TIME_MAX = 2;
/** Missed ticks fired at once at most. */
const CATCH_UP_MAX = 1_000;
const JITTER_MIN_MS = 1_000;

/** Ticks after `from` up to `now` that are to be fired. Pure. */
export function dueTicks(
  schedule: CronSchedule,
  { from, now, catchUp }: { from: EpochMs; now: EpochMs; catchUp: CatchUp },
): EpochMs[] {
  // Counted from now: a long absence of a frequent trigger has more ticks than anyone wants.
  const count = catchUp === 'all' ? CATCH_UP_MAX : ON_TIME_MAX;
  const ticks = schedule
    .lastBefore(now + 1, count)
    .filter((tick) => tick > from)
    .toReversed();
  if (catchUp === 'all') return ticks;
  const onTime = ticks.filter((tick) => now - tick < LATE_MS);
  return catchUp === 'latest' && onTime.length === 0 ? ticks.slice(-1) : onTime;
}

/** The event of a tick, with the same ID whoever makes it (sdk-protocol.md 8.5). `target`: it starts this function alone. */
export function tickEvent(fn: FunctionDefinition, trigger: { cron: string; jitterMs?: number }, tick: EpochMs): Event {
  const fireAt = tick + jitterOf(fn, trigger, tick);
  return {
    internalId: derivedUlid(tick, 'cron', fn.id, trigger.cron),
    id: rfc3339(tick),
    receivedAt: tick,
    name: INTERNAL_EVENTS.cronTick,
    ts: fireAt,
    data: { cron: trigger.cron, scheduledAt: rfc3339(tick), fireAt: rfc3339(fireAt) },
    target: fn.id,
  };
}

/** From one second up to the jitter, the same for the same tick. */
function jitterOf(
  fn: FunctionDefinition,
  { cron, jitterMs }: { cron: string; jitterMs?: number },
  tick: EpochMs,
): number {
  if (jitterMs === undefined) return 0;
  const random = createHash('sha256').update(`${fn.id} ${cron} ${tick}`).digest().readUInt32BE() / 2 ** 32;
  return Math.floor(JITTER_MIN_MS + random * Math.max(0, jitterMs - JITTER_MIN_MS));
}

function rfc3339(at: EpochMs): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}
