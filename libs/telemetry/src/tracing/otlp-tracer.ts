import { diag, DiagLogLevel } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace';
import type { Logger } from '../logger.ts';
import { type OtelTracer, otelTracer } from './otel-tracer.ts';

const TRACES_PATH = '/v1/traces';
/** Spans are sent together after this time. */
const BATCH_MS = 1_000;
/** Spans that wait at most; further ones are dropped, so that a collector that is away costs no memory. */
const WAITING_MAX = 16_384;
const BATCH_MAX = 2_048;
const EXPORT_MS_MAX = 10_000;
/** A collector that is away is told of this often. */
const COMPLAINT_PAUSE_MS = 60_000;

/** Exports spans by OTLP over HTTP to the collector at this base URL. A collector that is away is no reason not to start. */
export function otlpTracer(
  otlpUrl: string,
  about: { version: string; roles: readonly string[]; instance: string },
  log: Logger,
): OtelTracer {
  complainTo(log);
  const exporter = new OTLPTraceExporter({ url: tracesUrl(otlpUrl), timeoutMillis: EXPORT_MS_MAX });
  const processor = new BatchSpanProcessor({
    exporter,
    scheduledDelayMillis: BATCH_MS,
    maxQueueSize: WAITING_MAX,
    maxExportBatchSize: BATCH_MAX,
    exportTimeoutMillis: EXPORT_MS_MAX,
  });
  return otelTracer(processor, about);
}

/** As for every exporter of OTLP, the path of traces is added to the base; who names it already is understood too. */
export function tracesUrl(otlpUrl: string): string {
  const base = otlpUrl.replace(/\/+$/, '');
  return base.endsWith(TRACES_PATH) ? base : base + TRACES_PATH;
}

/** The SDK speaks through one logger of the process. */
function complainTo(log: Logger): void {
  let quietUntil = -Infinity;
  const complain = (reason: string): void => {
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + COMPLAINT_PAUSE_MS;
    log.warn('traces could not be exported', { reason });
  };
  diag.setLogger(
    { error: complain, warn: complain, info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
