import type { EpochMs } from '@perdure/domain';
import { classifyAnswer, transportFailure, type SdkAnswer } from '@perdure/protocol';
import { Agent } from 'undici';

import type { CallRequest, Invoker } from '../../invoker.ts';
import { decodeBody } from './decode-body.ts';
import { HttpCall, type HttpOutcome } from './http-call.ts';
import { ANSWER_TOO_LARGE, undecodable, type TransportError } from './transport-error.ts';

/** Largest answer read, on the wire and again after decoding (sdk-protocol.md 11.1). */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
const CONNECTIONS_PER_ORIGIN_MAX_DEFAULT = 512;
const CONNECT_TIMEOUT_MS_DEFAULT = 10_000;
/** Longest that an unused connection is kept, whatever the server allows: middleboxes forget them silently. */
const KEEP_ALIVE_MS_MAX = 60_000;

export interface HttpInvokerOptions {
  now: () => EpochMs;
  /** Calls to one origin beyond this wait for a connection; their timeout runs meanwhile. */
  connectionsPerOriginMax?: number;
  connectTimeoutMs?: number;
  answerBytesMax?: number;
}

/**
 * An `Invoker` over HTTP/1.1 with pooled connections (sdk-protocol.md 6.1). Follows redirects with method and body
 * kept, decodes gzip, br and deflate, and reads at most 8 MiB.
 */
export function openHttpInvoker(options: HttpInvokerOptions): Invoker {
  return new HttpInvoker(options);
}

class HttpInvoker implements Invoker {
  readonly #agent: Agent;
  readonly #now: () => EpochMs;
  readonly #answerBytesMax: number;

  constructor(options: HttpInvokerOptions) {
    this.#now = options.now;
    this.#answerBytesMax = options.answerBytesMax ?? ANSWER_BYTES_MAX;
    this.#agent = new Agent({
      connections: options.connectionsPerOriginMax ?? CONNECTIONS_PER_ORIGIN_MAX_DEFAULT,
      connectTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT,
      keepAliveMaxTimeout: KEEP_ALIVE_MS_MAX,
      // A step may take hours: the call's own deadline is the only one. undici's would cut it after 5 minutes.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    });
  }

  async call(request: CallRequest): Promise<SdkAnswer> {
    const outcome = await new HttpCall(this.#agent, request, this.#answerBytesMax).run();
    return outcome.kind === 'failed' ? asFailure(outcome.error) : this.#classify(outcome);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #classify(answer: Extract<HttpOutcome, { kind: 'answered' }>): Promise<SdkAnswer> {
    const { status, headers, bytes } = answer;
    const encoding = headers['content-encoding'];
    if (encoding === undefined) return this.#classifyDecoded({ status, headers, bytes });
    const body = await decodeBody(bytes, encoding, this.#answerBytesMax);
    switch (body.kind) {
      case 'decoded':
        return this.#classifyDecoded({ status, headers, bytes: body.bytes });
      case 'too-large':
        return asFailure(ANSWER_TOO_LARGE);
      case 'broken':
        return asFailure(undecodable(body.why));
    }
  }

  #classifyDecoded({ status, headers, bytes }: Omit<Extract<HttpOutcome, { kind: 'answered' }>, 'kind'>): SdkAnswer {
    return classifyAnswer({ status, headers, body: bytes.toString('utf8') }, this.#now());
  }
}

function asFailure(error: TransportError): SdkAnswer {
  return transportFailure(error.code, error.message);
}
