import type { OutboundAnswer, OutboundRequest } from '@perdure/protocol';

export interface EgressOptions {
  /** One deadline for all of it: connecting, redirects and the body. */
  timeoutMs: number;
  /** Larger answers are not read to their end (`too-large`). */
  answerBytesMax: number;
  /** Aborts the request: its answer is then of no interest. */
  signal?: AbortSignal;
  /**
   * Called with each piece of the answer's body while it comes in. The answer is then asked for as it is; of one that is
   * compressed all the same nothing is told.
   */
  onBody?: (bytes: Uint8Array, status: number) => void;
}

/**
 * The port that makes the HTTP requests that steps ask the platform for (`step.fetch`, `step.ai.infer`). Nothing of a
 * request is kept or logged: it carries the user's credentials.
 */
export interface Egress {
  /** One request with its redirects. Any status is an answer; what goes wrong on the way is one too, never an exception. */
  send(request: OutboundRequest, options: EgressOptions): Promise<OutboundAnswer>;
  /** Cuts the requests that are still open. Repeating it changes nothing. */
  close(): Promise<void>;
}
