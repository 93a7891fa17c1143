import { Cron } from 'croner';
import type { EpochMs } from '@perdure/domain';

/** Of a text that `checkCron` accepts: the instants at which it is due. Time zone UTC unless the text names another. */
export interface CronSchedule {
  /** The first instant after this one; undefined when there is none any more. */
  nextAfter(at: EpochMs): EpochMs | undefined;
  /** Up to `count` instants before this one, the latest first. */
  lastBefore(at: EpochMs, count: number): EpochMs[];
}

const ZONE_PREFIX = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/s;
const CRON_MAX_CHARS = 255;

/** Splits off the leading `TZ=Area/City ` or `CRON_TZ=Area/City `. */
function splitZone(text: string): { timezone: string; pattern: string } {
  const zoned = ZONE_PREFIX.exec(text);
  return { timezone: zoned?.[1] ?? 'UTC', pattern: (zoned?.[2] ?? text).trim() };
}

/**
 * Reads five fields, minute to weekday. Throws what is wrong with other texts: seconds and `@daily` forms are refused. Local
 * times that a change of the clock skips are not due, those that it repeats are due once.
 */
export function parseCron(text: string): CronSchedule {
  const { timezone, pattern } = splitZone(text);
  if (pattern.split(/\s+/).length !== 5) throw new Error(`a cron expression has five fields, not "${pattern}"`);
  const cron = new Cron(pattern, { timezone, paused: true, mode: '5-part' });
  cron.nextRun();
  return {
    nextAfter: (at) => cron.nextRun(new Date(at))?.getTime(),
    lastBefore: (at, count) => cron.previousRuns(count, new Date(at)).map((date) => date.getTime()),
  };
}

/** What is wrong with a cron expression, or undefined (execution.md 2.7). */
export function checkCron(text: string): string | undefined {
  if (text.length > CRON_MAX_CHARS)
    return `a cron expression has at most ${CRON_MAX_CHARS} characters, not ${text.length}`;
  try {
    parseCron(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
