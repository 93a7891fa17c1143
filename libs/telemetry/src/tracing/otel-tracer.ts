import { type Context, ROOT_CONTEXT, type SpanContext, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';
import type { Span, SpanName, Tracer } from './tracer.ts';

export interface OtelTracer extends Tracer {
  /** Exports what has ended. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const KINDS: Readonly<Record<SpanName, SpanKind>> = {
  'POST /e': SpanKind.SERVER,
  'event.handle': SpanKind.CONSUMER,
  'run.schedule': SpanKind.INTERNAL,
  'job.claim': SpanKind.INTERNAL,
  'step.call': SpanKind.CLIENT,
  'step.commit': SpanKind.INTERNAL,
  'outbox.drain': SpanKind.PRODUCER,
};

/**
 * A tracer over the SDK of OpenTelemetry. Parents are told, not found: no context is carried along with every promise,
 * which would cost all of them. A parent that is not sampled has no sampled children; all else is sampled.
 */
export function otelTracer(
  processor: SpanProcessor,
  about: { version: string; roles: readonly string[]; instance: string },
): OtelTracer {
  const provider = new TracerProvider({
    spanProcessors: [processor],
    resource: resourceFromAttributes({
      'service.name': 'perdure',
      'service.version': about.version,
      'service.instance.id': about.instance,
      'perdure.roles': about.roles.join(','),
    }),
  });
  const tracer = provider.getTracer('perdure', about.version);
  return {
    start(name, { parent, links = [], attributes = {} } = {}) {
      const contexts = links.map((link) => contextOf(link)).filter((context) => context !== undefined);
      const span = tracer.startSpan(
        name,
        { kind: KINDS[name], attributes, links: contexts.map((context) => ({ context })) },
        parentContext(parent),
      );
      const { traceId, spanId, traceFlags } = span.spanContext();
      let hasEnded = false;
      const started: Span = {
        traceparent: formatTraceparent({ traceId, spanId, isSampled: (traceFlags & 1) === 1 }),
        set: (more) => void (hasEnded || span.setAttributes(more)),
        end(error) {
          if (hasEnded) return;
          hasEnded = true;
          if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
          span.end();
        },
      };
      return started;
    },
    flush: () => provider.forceFlush(),
    close: () => provider.shutdown(),
  };
}

function contextOf(traceparent: string | undefined): SpanContext | undefined {
  const parsed = parseTraceparent(traceparent);
  if (parsed === undefined) return undefined;
  const { traceId, spanId, isSampled } = parsed;
  return { traceId, spanId, traceFlags: isSampled ? 1 : 0, isRemote: true };
}

function parentContext(traceparent: string | undefined): Context {
  const context = contextOf(traceparent);
  return context === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
