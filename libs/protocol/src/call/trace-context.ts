import { hash } from 'node:crypto';
import type { AppId, FunctionId, RunId } from '@perdure/domain';

export interface TraceContext {
  traceparent: string;
  tracestate: string;
}

const TRACE_ID_CHARS = 32;
const SPAN_ID_CHARS = 16;

/**
 * The W3C trace context of a call, derived from run and request: all calls of a run share a trace, and a repeat of one has
 * the same span. `tracestate` has what SDKs attach to the spans they export (sdk-protocol.md 6.2).
 */
export function traceContextOf(call: {
  runId: RunId;
  requestId: string;
  functionId: FunctionId;
  appId: AppId;
}): TraceContext {
  const traceId = hash('sha256', `trace:${call.runId}`).slice(0, TRACE_ID_CHARS);
  const spanId = hash('sha256', `span:${call.requestId}`).slice(0, SPAN_ID_CHARS);
  const traceparent = `00-${traceId}-${spanId}-01`;
  const traceref = encodeURIComponent(JSON.stringify({ tp: traceparent, ts: '' }));
  return {
    traceparent,
    tracestate: `inngest@traceref=${traceref},inngest@fn=${call.functionId},inngest@app=${call.appId}`,
  };
}
