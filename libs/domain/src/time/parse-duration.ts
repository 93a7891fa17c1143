const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)/y;

/**
 * Milliseconds of a duration such as `90s`, `1h30m`, `1w2d` or `-5m`; undefined when the text is none
 * (sdk-protocol.md appendix B). A bare `0` is allowed. Fractions of a millisecond are kept.
 */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  const sign = trimmed.startsWith('-') ? -1 : 1;
  const body = /^[+-]/.test(trimmed) ? trimmed.slice(1) : trimmed;
  if (body === '0') return 0;
  if (body === '') return undefined;
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < body.length) {
    const part = PART.exec(body);
    if (part === null) return undefined;
    total += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? Number.NaN);
  }
  return sign * total;
}

const INSTANT = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds of an RFC 3339 instant, rounded up so that nothing wakes early; undefined when the text is none. */
export function parseInstant(text: string): number | undefined {
  const trimmed = text.trim();
  if (!INSTANT.test(trimmed)) return undefined;
  const at = Date.parse(trimmed.replace(' ', 'T').toUpperCase());
  if (Number.isNaN(at)) return undefined;
  const belowMs = /\.\d{3}(\d+)/.exec(trimmed)?.[1];
  return belowMs !== undefined && Number(belowMs) > 0 ? at + 1 : at;
}
