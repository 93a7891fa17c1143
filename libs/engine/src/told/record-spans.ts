import { isUlid } from '@perdure/domain';
import type { SpanRecord } from '@perdure/history';
import { attributeOf, type OtlpSpan } from '@perdure/protocol';
import { recordsMessage } from '../history/record-messages.ts';
import type { Ports } from '../ports.ts';

const TRACE_REFERENCE = 'inngest.traceref';
const RUN = 'sdk.run.id';
/** A longer ID is none of OpenTelemetry's. */
const ID_CHARS_MAX = 64;

/**
 * Keeps the user's own spans (sdk-protocol.md 9.5): durable in the stream when this resolves. Those without a reference to the
 * platform's trace belong nowhere; answers how many.
 */
export async function recordSpans({ stream, clock, ids }: Ports, spans: OtlpSpan[]): Promise<number> {
  const receivedAt = clock.now();
  const kept = spans.filter(isOurs).map((span): SpanRecord => {
    const runId = attributeOf(span, RUN);
    const { traceId, spanId } = span;
    return { traceId, spanId, span, receivedAt, ...(runId !== undefined && isUlid(runId) && { runId }) };
  });
  if (kept.length > 0) await stream.append([recordsMessage(ids.token(), { spans: kept })]);
  return spans.length - kept.length;
}

function isOurs(span: OtlpSpan): boolean {
  const { traceId, spanId } = span;
  const hasIds = [traceId, spanId].every((id) => id !== '' && id.length <= ID_CHARS_MAX);
  return hasIds && attributeOf(span, TRACE_REFERENCE) !== undefined;
}
