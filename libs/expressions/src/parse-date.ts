const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAY = '(?:mon|tue|wed|thu|fri|sat|sun)';
const WEEKDAY_LONG = '(?:mon|tues|wednes|thurs|fri|satur|sun)day';
const MONTH = '(?<month>[a-z]{3})';
const DAY = '(?<day>\\d{1,2})';
const YEAR = '(?<year>\\d{4}|\\d{2})';
const CLOCK = '(?<hour>\\d{2}):(?<minute>\\d{2})(?::(?<second>\\d{2})(?<fraction>[.,]\\d{1,9})?)?';
const ZONE = '(?<zone>[a-z]{1,5}|[+-]\\d{2}:?\\d{2})';

/** Every form of text that `date(x)` reads, letter case aside (execution.md 6.2). */
const FORMS = [
  // RFC 3339, the same without a zone, and the bare day
  `(?<year>\\d{4})-(?<monthNumber>\\d{2})-${DAY}(?:[t ]${CLOCK}${ZONE}?)?`,
  // RFC 1123 and RFC 822, with names or offsets of zones
  `(?:${WEEKDAY}, )?${DAY} ${MONTH} ${YEAR} ${CLOCK} ${ZONE}`,
  // RFC 850
  `${WEEKDAY_LONG}, ${DAY}-${MONTH}-${YEAR} ${CLOCK} ${ZONE}`,
  // ANSI C, Unix and Ruby
  `${WEEKDAY} ${MONTH} +${DAY} ${CLOCK}(?: ${ZONE})? (?<year>\\d{4})`,
  // the stamp of system logs, which has no year
  `${MONTH} +${DAY} ${CLOCK}`,
].map((form) => new RegExp(`^${form}$`, 'i'));

/** The zones that RFC 822 names, in minutes ahead of UTC. Others are refused: guessing would be silently wrong. */
const ZONE_MINUTES: Readonly<Record<string, number>> = {
  z: 0,
  ut: 0,
  utc: 0,
  gmt: 0,
  est: -300,
  edt: -240,
  cst: -360,
  cdt: -300,
  mst: -420,
  mdt: -360,
  pst: -480,
  pdt: -420,
};

const TEXT_LENGTH_MAX = 64;

/**
 * The instant that a text means, in milliseconds with a fraction; undefined when it has none of the known forms or
 * names a day that does not exist. A text without a zone is UTC, one without a year is in the year 0.
 */
export function parseDate(text: string): number | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined;
  for (const form of FORMS) {
    const parts = form.exec(text.trim())?.groups;
    if (parts !== undefined) return instantOf(parts);
  }
  return undefined;
}

/** Seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their size; answers milliseconds. */
export function instantOfNumber(count: number): number {
  const size = Math.abs(count);
  if (size < 1e11) return count * 1000;
  if (size < 1e14) return count;
  return size < 1e17 ? count / 1e3 : count / 1e6;
}

/** Minutes ahead of UTC of `+02:00`, `-0330` or a name that RFC 822 knows. */
export function parseZone(zone: string): number | undefined {
  const offset = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  if (offset === null) return ZONE_MINUTES[zone.toLowerCase()];
  const minutes = Number(offset[2]) * 60 + Number(offset[3]);
  return offset[1] === '-' ? -minutes : minutes;
}

function instantOf(parts: Record<string, string | undefined>): number | undefined {
  const month = monthOf(parts);
  const day = Number(parts['day']);
  const [hour, minute, second] = [parts['hour'], parts['minute'], parts['second']].map((part) => Number(part ?? 0));
  const zone = parseZone(parts['zone'] ?? 'z');
  if (zone === undefined || hour === undefined || minute === undefined || second === undefined) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(yearOf(parts['year']), month, day);
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
  const fraction = Number(`0${(parts['fraction'] ?? '.0').replace(',', '.')}`);
  return date.getTime() + (hour * 60 + minute - zone) * 60_000 + second * 1000 + Math.floor(fraction * 1e6) / 1e3;
}

function monthOf(parts: Record<string, string | undefined>): number {
  const number = parts['monthNumber'];
  return number === undefined ? MONTHS.indexOf(parts['month']?.toLowerCase() ?? '') : Number(number) - 1;
}

/** Two digits mean 1969 to 2068, as POSIX has it. */
function yearOf(digits: string | undefined): number {
  if (digits === undefined) return 0;
  const year = Number(digits);
  if (digits.length > 2) return year;
  return year < 69 ? 2000 + year : 1900 + year;
}
