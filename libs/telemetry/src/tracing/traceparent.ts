const PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const SAMPLED = 1;
const VERSION_INVALID = 'ff';

export interface Traceparent {
  traceId: string;
  spanId: string;
  isSampled: boolean;
}

/** Reads a `traceparent` (W3C Trace Context); undefined when it is not valid. Of later versions, what is known of them. */
export function parseTraceparent(text: string | undefined): Traceparent | undefined {
  const [, version, traceId = '', spanId = '', flags = ''] = PATTERN.exec(text ?? '') ?? [];
  if (version === undefined || version === VERSION_INVALID) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

export function formatTraceparent({ traceId, spanId, isSampled }: Traceparent): string {
  return `00-${traceId}-${spanId}-0${isSampled ? SAMPLED : 0}`;
}
