import { Cron } from 'croner';

const CRON_MAX_CHARS = 255;
const ZONE_PREFIX = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/s;

/**
 * What is wrong with a cron expression, or undefined: five fields with an optional leading `TZ=Area/City `
 * (execution.md 2.7). Seconds and `@daily` forms are refused.
 */
export function checkCron(text: string): string | undefined {
  if (text.length > CRON_MAX_CHARS)
    return `a cron expression has at most ${CRON_MAX_CHARS} characters, not ${text.length}`;
  const zoned = ZONE_PREFIX.exec(text);
  const timezone = zoned?.[1] ?? 'UTC';
  const pattern = (zoned?.[2] ?? text).trim();
  if (pattern.split(/\s+/).length !== 5) return `a cron expression has five fields, not "${pattern}"`;
  try {
    new Cron(pattern, { timezone, paused: true, mode: '5-part' }).nextRun();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
