import type { Dispatcher } from 'undici';

import type { CallRequest } from '../../invoker.ts';
import { isRedirect, REDIRECTS_MAX, redirectTarget } from './redirect.ts';
import {
  ANSWER_TOO_LARGE,
  CALL_ABORTED,
  callTookTooLong,
  describeTransportError,
  unreachable,
  type TransportError,
} from './transport-error.ts';

export type HttpOutcome =
  | { kind: 'answered'; status: number; headers: Record<string, string>; bytes: Buffer }
  | { kind: 'failed'; error: TransportError };

type HeadersIn = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

const NO_BYTES = Buffer.alloc(0);
const BODILESS = new Set(['GET', 'HEAD']);

/**
 * One call with its redirects, as the handler that undici reports to. It is on the path of every step, hence no
 * streams and no interceptors: callbacks fill the fields, and one promise is made per call.
 *
 * Modes: open (a request is queued, sent, or being answered) and settled. A redirect starts the next request within
 * the same call. Invariants:
 *  1. `#settle` resolves once; whatever undici reports later is ignored.
 *  2. One deadline covers the whole call: waiting for a connection, all redirects, and the body.
 *  3. Nothing is sent twice on a guess. When a pooled connection breaks after the request was written, the server may
 *     have run the step, so the call fails as an attempt and the retry policy decides. What keeps this rare: undici
 *     reads a pooled connection before it writes to it, and drops it 2 s before the server said it would.
 */
export class HttpCall implements Dispatcher.DispatchHandler {
  readonly #dispatcher: Dispatcher;
  readonly #request: CallRequest;
  readonly #answerBytesMax: number;
  readonly #method: Dispatcher.HttpMethod;
  readonly #headers: Record<string, string>;
  #resolve: ((outcome: HttpOutcome) => void) | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #url: URL | undefined;
  #redirects = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #answerHeaders: Record<string, string> = {};
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  #answerBytes = 0;

  constructor(dispatcher: Dispatcher, request: CallRequest, answerBytesMax: number) {
    this.#dispatcher = dispatcher;
    this.#request = request;
    this.#answerBytesMax = answerBytesMax;
    this.#method = request.method ?? 'POST';
    this.#headers = { ...request.headers, 'accept-encoding': 'gzip' };
  }

  /** Runs the call, once. Never rejects. */
  run(): Promise<HttpOutcome> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      const { url, signal, timeoutMs } = this.#request;
      this.#url = URL.parse(url) ?? undefined;
      if (this.#url === undefined) return this.#fail(unreachable(`${url} is not a URL`));
      if (signal?.aborted === true) return this.#fail(CALL_ABORTED);
      signal?.addEventListener('abort', this.#onAbort);
      this.#deadline = setTimeout(() => this.#fail(callTookTooLong(timeoutMs)), timeoutMs);
      this.#send(this.#url);
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#resolve === undefined) controller.abort(new Error('settled before the request was sent'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: HeadersIn): void {
    if (status < 200) return;
    this.#status = status;
    this.#answerHeaders = joinRepeated(headers);
    if (Number(this.#answerHeaders['content-length'] ?? 0) > this.#answerBytesMax) this.#fail(ANSWER_TOO_LARGE);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#answerBytes += chunk.length;
    if (this.#answerBytes > this.#answerBytesMax) return this.#fail(ANSWER_TOO_LARGE);
    if (this.#first === undefined) this.#first = chunk;
    else (this.#more ??= []).push(chunk);
  }

  onResponseEnd(): void {
    const { location } = this.#answerHeaders;
    if (location !== undefined && isRedirect(this.#status)) return this.#follow(location);
    const bytes = this.#more === undefined ? this.#first : Buffer.concat([this.#first ?? NO_BYTES, ...this.#more]);
    this.#settle({
      kind: 'answered',
      status: this.#status,
      headers: this.#answerHeaders,
      bytes: bytes ?? NO_BYTES,
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#fail(describeTransportError(error, this.#controller !== undefined));
  }

  #send(url: URL): void {
    this.#dispatcher.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: this.#method,
        headers: this.#headers,
        body: BODILESS.has(this.#method) ? null : this.#request.body,
      },
      this,
    );
  }

  #follow(location: string): void {
    const [answered, original] = [this.#url, URL.parse(this.#request.url)];
    if (this.#resolve === undefined || answered === undefined || original === null) return;
    this.#redirects += 1;
    if (this.#redirects > REDIRECTS_MAX) return this.#fail(unreachable(`more than ${REDIRECTS_MAX} redirects`));
    const target = redirectTarget(location, answered, original);
    if (target === undefined) return this.#fail(unreachable(`it redirects to ${location}, which is no HTTP URL`));
    this.#url = target;
    this.#controller = undefined;
    this.#first = undefined;
    this.#more = undefined;
    this.#answerBytes = 0;
    this.#send(target);
  }

  readonly #onAbort = (): void => this.#fail(CALL_ABORTED);

  #fail(error: TransportError): void {
    if (this.#resolve === undefined) return;
    this.#settle({ kind: 'failed', error });
    // Still open when it was we who gave up; undici ignores the abort of a request that has ended.
    this.#controller?.abort(new Error(error.message));
  }

  #settle(outcome: HttpOutcome): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    clearTimeout(this.#deadline);
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    resolve(outcome);
  }
}

/** Header values as one string each; undici gives an array where a header came more than once. */
function joinRepeated(headers: HeadersIn): Record<string, string> {
  for (const name in headers) {
    const value = headers[name];
    if (typeof value !== 'string') headers[name] = value?.join(', ') ?? '';
  }
  return headers as Record<string, string>;
}
