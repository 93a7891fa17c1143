import { randomUUID } from 'node:crypto';
import type { Logger } from './logger.ts';
import { createMetrics, type Metrics, silentMetrics } from './metrics/metrics.ts';
import { type MetricsAddress, type MetricsServer, serveMetrics } from './metrics/metrics-server.ts';
import { measureProcess } from './metrics/process-metrics.ts';
import type { OtelTracer } from './tracing/otel-tracer.ts';
import type { Tracer } from './tracing/tracer.ts';

/** How the process is seen from outside: opened once, before everything that it measures. */
export interface Telemetry {
  readonly metrics: Metrics;
  /** Absent when no traces are exported. */
  readonly tracer?: Tracer;
}

export interface OpenedTelemetry extends Telemetry {
  /** Where the metrics are served. */
  readonly metricsAddress?: MetricsAddress;
  /** Exports the last spans, for a bounded time, and closes the server. May be repeated. */
  close(): Promise<void>;
}

export interface TelemetryOptions {
  /** What this process does. */
  roles: readonly string[];
  version: string;
  /** Absent: nothing is counted. */
  metrics?: MetricsAddress;
  /** Base URL of a collector of OTLP over HTTP; absent: no traces. */
  otlpUrl?: string;
  log: Logger;
}

/** How long the last spans may take to be exported when the process ends. */
const FLUSH_MS = 2_000;

/** Drops everything. */
export const silentTelemetry: Telemetry = { metrics: silentMetrics };

/** Opens what the options ask for. Throws when the host for metrics is not one of this machine. */
export async function openTelemetry(options: TelemetryOptions): Promise<OpenedTelemetry> {
  const { otlpUrl, log } = options;
  const about = { version: options.version, roles: options.roles, instance: randomUUID() };
  const metrics = options.metrics === undefined ? silentMetrics : createMetrics({ onSampleFailed: complainTo(log) });
  const server = options.metrics && (await serveMetrics(metrics, options.metrics, log));
  const endMeasuring = server && measureProcess(metrics, about);
  // Loaded when it is used: the SDK would cost every start 50 ms.
  const tracer =
    otlpUrl === undefined ? undefined : (await import('./tracing/otlp-tracer.ts')).otlpTracer(otlpUrl, about, log);
  let closing: Promise<void> | undefined;
  return {
    metrics,
    ...(tracer && { tracer }),
    ...(server && { metricsAddress: { host: server.host, port: server.port } }),
    close: () => (closing ??= close({ tracer, server, endMeasuring, log })),
  };
}

function complainTo(log: Logger): (source: string, error: unknown) => void {
  return (source, error) => log.warn('some metrics could not be read and are left out', { source, error });
}

async function close(opened: {
  tracer: OtelTracer | undefined;
  server: MetricsServer | undefined;
  endMeasuring: (() => void) | undefined;
  log: Logger;
}): Promise<void> {
  opened.endMeasuring?.();
  await opened.server?.close();
  if (opened.tracer === undefined) return;
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => resolve('late'), FLUSH_MS);
  const closed = opened.tracer.close().catch((error: unknown) => {
    opened.log.warn('the last traces could not be exported', { error });
  });
  if ((await Promise.race([closed, late])) === 'late') opened.log.warn('the last traces could not be exported in time');
  clearTimeout(timer);
}
