import { type EpochMs, parseInstant } from '@perdure/domain';

const SECONDS = /^\d{1,7}$/;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (GMT|UTC|[+-]\d{4})$/;

/**
 * The instant that a `retry-after` asks for: seconds from now, RFC 3339 or RFC 1123; undefined for anything else
 * (sdk-protocol.md 7.2). Not clamped: deciding is not the wire's business.
 */
export function parseRetryAfter(text: string, now: EpochMs): EpochMs | undefined {
  const value = text.trim();
  if (SECONDS.test(value)) return now + Number(value) * 1000;
  const instant = parseInstant(value);
  if (instant !== undefined) return instant;
  if (!HTTP_DATE.test(value)) return undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : date;
}
