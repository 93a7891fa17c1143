/** RFC 3339 in UTC with as many digits of the second as needed, at most six. */
export function formatInstant(ms: number): string {
  const whole = Math.floor(ms / 1000) * 1000;
  return `${new Date(whole).toISOString().slice(0, -5)}${fraction((ms - whole) / 1000)}Z`;
}

/** Seconds with a unit, as in `90s` or `-1.5s`. */
export function formatDuration(ms: number): string {
  const sign = ms < 0 ? '-' : '';
  const seconds = Math.floor(Math.abs(ms) / 1000);
  return `${sign}${seconds}${fraction((Math.abs(ms) - seconds * 1000) / 1000)}s`;
}

function fraction(seconds: number): string {
  const digits = Math.floor(seconds * 1e6 + 0.5)
    .toString()
    .padStart(6, '0')
    .replace(/0+$/, '');
  return digits === '' ? '' : `.${digits}`;
}
