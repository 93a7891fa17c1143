import { BoundedCache } from './bounded-cache.ts';
import type { FunctionRule } from './function-rule.ts';
import type { Meter } from './meter.ts';
import { parseZone } from './parse-date.ts';
import { Duration, Failure, Timestamp, typeNameOf, type Value } from './value.ts';

type Reading = (date: Date) => number;

/** Read off a timestamp, in UTC or in the zone given as the argument. Months and days of the year count from 0, as in CEL. */
const READINGS: Readonly<Record<string, Reading>> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: (date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000),
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
};

/** Looking up a zone takes about as long as this many units of other work. */
const ZONE_COST = 50;
/** Formats kept; making one is slow, and the zone may come out of an event. */
const formats = new BoundedCache<Intl.DateTimeFormat | null>(50);

/** Of a duration, these give the whole of it in that unit; milliseconds alone are the part below the second. */
const SPANS: Readonly<Record<string, (ms: number) => number>> = {
  getHours: (ms) => ms / 3_600_000,
  getMinutes: (ms) => ms / 60_000,
  getSeconds: (ms) => ms / 1000,
  getMilliseconds: (ms) => ms % 1000,
};

export function calendarFunctions(): Record<string, FunctionRule> {
  return Object.fromEntries(Object.entries(READINGS).map(([name, read]) => [name, readingRule(name, read)]));
}

function readingRule(name: string, read: Reading): FunctionRule {
  return {
    style: 'method',
    arities: [1, 2],
    whenAbsent: false,
    apply: ([value, zone], { meter }) => {
      if (value instanceof Duration) return readSpan(name, value, zone);
      if (!(value instanceof Timestamp)) return new Failure(`${name}() does not work on ${typeNameOf(value)}`);
      const offsetMs = zone === undefined ? 0 : zoneOffsetMs(zone, value.ms, meter);
      if (offsetMs === undefined) return new Failure(`${name}() expects the name or the offset of a time zone`);
      return BigInt(read(new Date(value.ms + offsetMs)));
    },
  };
}

function readSpan(name: string, { ms }: Duration, zone: Value): Value {
  const read = SPANS[name];
  if (read === undefined || zone !== undefined) return new Failure(`${name}() does not work on a duration like this`);
  return BigInt(Math.trunc(read(ms)));
}

/** How far the zone's clocks were ahead of UTC at that instant. */
function zoneOffsetMs(zone: Value, atMs: number, meter: Meter): number | undefined {
  if (typeof zone !== 'string') return undefined;
  const minutes = parseZone(zone) ?? parseZone(`+${zone}`);
  if (minutes !== undefined) return minutes * 60_000;
  meter.charge(ZONE_COST);
  const name = namedOffset(zone, atMs);
  if (name === undefined) return undefined;
  return name === 'GMT' ? 0 : (parseZone(name.slice('GMT'.length)) ?? 0) * 60_000;
}

/** `GMT` or `GMT+02:00`, from the time zone data of the runtime; undefined for a zone it does not know. */
function namedOffset(zone: string, atMs: number): string | undefined {
  const format = formats.getOrCreate(zone, () => formatIn(zone));
  return format?.formatToParts(atMs).find((part) => part.type === 'timeZoneName')?.value;
}

function formatIn(zone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
