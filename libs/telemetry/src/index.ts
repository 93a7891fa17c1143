export { createLogger, type LogFormat, type LoggerOptions } from './create-logger.ts';
export { LOG_LEVELS, type Facts, type Logger, type LogLevel } from './logger.ts';
export { measurePort } from './metrics/measure-port.ts';
export { METRICS_CONTENT_TYPE, type Counter, type Gauge, type Histogram, type Metrics } from './metrics/metrics.ts';
export type { MetricsAddress } from './metrics/metrics-server.ts';
export type { GaugeKey, Sample, Source } from './metrics/sampling.ts';
export {
  openTelemetry,
  silentTelemetry,
  type OpenedTelemetry,
  type Telemetry,
  type TelemetryOptions,
} from './open-telemetry.ts';
export { redactText } from './plain-facts.ts';
export { recordingLogger, silentLogger, type LogLine, type RecordingLogger } from './test-loggers.ts';
export type { Span, SpanAttributes, SpanName, SpanOptions, Tracer } from './tracing/tracer.ts';
export { parseTraceparent } from './tracing/traceparent.ts';
