/** What is worth a span, from the receipt of an event to the commit of a step. */
export type SpanName =
  | 'POST /e'
  | 'event.handle'
  | 'run.schedule'
  | 'job.claim'
  | 'step.call'
  | 'step.commit'
  | 'outbox.drain';

export type SpanAttributes = Record<string, string | number | boolean>;

export interface SpanOptions {
  /** The `traceparent` of what caused it; absent or not valid: a trace of its own. */
  parent?: string | undefined;
  /** `traceparent`s of what else belongs to it. */
  links?: readonly string[];
  attributes?: SpanAttributes;
}

/** Something that takes time, and what it is caused by. Ending it twice changes nothing. */
export interface Span {
  /** W3C, to hand on to what this causes. */
  readonly traceparent: string;
  set(attributes: SpanAttributes): void;
  /** With `error`, the span is marked as failed. */
  end(error?: unknown): void;
}

/**
 * Starts spans. A process that exports none has no tracer at all, so that `tracer?.start(...)` evaluates nothing and
 * costs nothing.
 */
export interface Tracer {
  start(name: SpanName, options?: SpanOptions): Span;
}
