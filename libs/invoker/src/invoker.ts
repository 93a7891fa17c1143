import type { SdkAnswer } from '@perdure/protocol';

export interface CallRequest {
  /** With `fnId` and `stepId` in the query. */
  url: string;
  /** Default POST. */
  method?: string;
  headers: Record<string, string>;
  /** The bytes to send, as signed; none are sent with GET and HEAD. */
  body: string;
  /** An attempt that takes longer fails (`request_duration_too_long`). */
  timeoutMs: number;
  /** Aborts the call: the answer is then of no interest. */
  signal?: AbortSignal;
}

/** The port that calls the user's application. */
export interface Invoker {
  /** One call. What goes wrong on the way is an answer of kind `failed`, never an exception. */
  call(request: CallRequest): Promise<SdkAnswer>;
  /** Cuts the calls that are still open: what they answer then is of no interest. Repeating it changes nothing. */
  close(): Promise<void>;
}
