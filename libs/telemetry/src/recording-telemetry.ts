import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { createMetrics } from './metrics/metrics.ts';
import type { Telemetry } from './open-telemetry.ts';
import { otelTracer } from './tracing/otel-tracer.ts';

export interface RecordedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  /** IDs of the linked spans. */
  links: string[];
  attributes: Record<string, unknown>;
  error: string | undefined;
}

export interface RecordingTelemetry extends Telemetry {
  /** Those that have ended, in the order of their ends. */
  spans: () => RecordedSpan[];
}

/** Keeps what is measured, for a test to look at. A source of metrics that cannot be read fails the test. */
export function recordingTelemetry(): RecordingTelemetry {
  const exporter = new InMemorySpanExporter();
  const processor = new SimpleSpanProcessor({ exporter });
  return {
    metrics: createMetrics({
      onSampleFailed: (source, error) => {
        throw new Error(`the metrics of ${source} could not be read`, { cause: error });
      },
    }),
    tracer: otelTracer(processor, { version: 'test', roles: [], instance: 'test' }),
    spans: () =>
      exporter.getFinishedSpans().map((span) => ({
        name: span.name,
        traceId: span.spanContext().traceId,
        spanId: span.spanContext().spanId,
        parentSpanId: span.parentSpanContext?.spanId,
        links: span.links.map(({ context }) => context.spanId),
        attributes: span.attributes,
        error: span.status.message,
      })),
  };
}
