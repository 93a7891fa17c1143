import { hash } from 'node:crypto';
import type { AppId, FunctionId, RunId } from '@perdure/domain';

export interface TraceContext {
  traceparent: string;
  tracestate: string;
}

const TRACE_ID_CHARS = 32;
const SPAN_ID_CHARS = 16;

/**
 * The W3C trace context of a call. Where the platform traces the call, `traceparent` is that of its span, so that what the
 * application traces hangs below it. Otherwise it is derived from run and request: all calls of a run share a trace, and a
 * repeat of one has the same span. `tracestate` has what SDKs attach to the spans they export (sdk-protocol.md 6.2).
 */
export function traceContextOf(call: {
  runId: RunId;
  requestId: string;
  functionId: FunctionId;
  appId: AppId;
  traceparent?: string;
}): TraceContext {
  const traceparent = call.traceparent ?? derivedTraceparent(call);
  const traceref = encodeURIComponent(JSON.stringify({ tp: traceparent, ts: '' }));
  return {
    traceparent,
    tracestate: `inngest@traceref=${traceref},inngest@fn=${call.functionId},inngest@app=${call.appId}`,
  };
}

function derivedTraceparent({ runId, requestId }: { runId: RunId; requestId: string }): string {
  const traceId = hash('sha256', `trace:${runId}`).slice(0, TRACE_ID_CHARS);
  const spanId = hash('sha256', `span:${requestId}`).slice(0, SPAN_ID_CHARS);
  return `00-${traceId}-${spanId}-01`;
}
