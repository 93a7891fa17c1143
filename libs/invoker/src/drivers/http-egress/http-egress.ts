import type { IncomingHttpHeaders } from 'node:http';

import type { OutboundAnswer, OutboundRequest } from '@perdure/protocol';
import { Agent, interceptors } from 'undici';

import type { Egress, EgressOptions } from '../../egress.ts';
import { decodeBody } from '../http/decode-body.ts';

const CONNECTIONS_PER_ORIGIN_MAX = 128;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS_MAX = 60_000;
/** As the fetch standard has it. */
const REDIRECTS_MAX = 20;

/** Credentials beside those that every client keeps to one origin: `authorization` and `cookie`. */
const KEY_HEADERS = ['x-api-key', 'api-key', 'x-goog-api-key'];

/** They belong to a connection, and ours are our own. */
const HOP_BY_HOP_HEADERS: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * An `Egress` over HTTP/1.1 with pooled connections. Redirects are followed as browsers do: a 303, and a 301 or 302 of a
 * POST, go on as GET, and credentials stay with the origin that they were meant for.
 */
export function openHttpEgress(): Egress {
  return new HttpEgress();
}

class HttpEgress implements Egress {
  readonly #agent = new Agent({
    connections: CONNECTIONS_PER_ORIGIN_MAX,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS_MAX,
    // A model may think for long: the request's own deadline is the only one.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  });
  readonly #dispatcher = this.#agent.compose(
    interceptors.redirect({ maxRedirections: REDIRECTS_MAX, stripHeadersOnCrossOriginRedirect: KEY_HEADERS }),
  );

  async send(request: OutboundRequest, options: EgressOptions): Promise<OutboundAnswer> {
    const url = URL.parse(request.url);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      return { kind: 'failed', reason: 'the URL is not one of HTTP' };
    }
    const deadline = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
    try {
      return await this.#exchange(url, request, { ...options, signal });
    } catch (error) {
      if (deadline.aborted) return { kind: 'failed', reason: `no answer within ${options.timeoutMs} ms` };
      return { kind: 'failed', reason: reasonOf(error) };
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #exchange(
    url: URL,
    { method, headers, body }: OutboundRequest,
    { signal, answerBytesMax, onBody }: EgressOptions & { signal: AbortSignal },
  ): Promise<OutboundAnswer> {
    const answer = await this.#dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: { ...sentHeaders(headers), 'accept-encoding': onBody === undefined ? 'gzip, br' : 'identity' },
      ...(body !== undefined && method !== 'GET' && method !== 'HEAD' && { body }),
      signal,
    });
    const encoding = answer.headers['content-encoding'];
    const isPlain = encoding === undefined || encoding === 'identity';
    const bytes = await readUpTo(answer.body, answerBytesMax, (chunk) => {
      if (isPlain) onBody?.(chunk, answer.statusCode);
    });
    if (bytes === undefined) return { kind: 'too-large' };
    const decoded = await decodeBody(bytes, method === 'HEAD' ? '' : String(encoding ?? ''), answerBytesMax);
    if (decoded.kind === 'too-large') return { kind: 'too-large' };
    if (decoded.kind === 'broken') return { kind: 'failed', reason: `the answer could not be decoded: ${decoded.why}` };
    return {
      kind: 'answered',
      url: lastUrl(url, answer.context),
      status: answer.statusCode,
      headers: listed(answer.headers),
      body: decoded.bytes.toString('utf8'),
    };
  }
}

function sentHeaders(headers: Record<string, string>): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !HOP_BY_HOP_HEADERS.has(name));
  return { 'user-agent': 'Perdure', accept: '*/*', ...Object.fromEntries(kept) };
}

/** Undefined when there are more; the rest is not read. */
async function readUpTo(
  body: AsyncIterable<Buffer>,
  bytesMax: number,
  onChunk: (chunk: Buffer) => void,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    // Leaving the loop destroys the body, and with it the connection.
    if (size > bytesMax) return undefined;
    chunks.push(chunk);
    onChunk(chunk);
  }
  return Buffer.concat(chunks);
}

/** The redirect interceptor lists the URLs that it asked, the one that answered last. */
function lastUrl(first: URL, context: unknown): string {
  const { history } = (context ?? {}) as { history?: URL[] };
  return (history?.at(-1) ?? first).href;
}

function listed(headers: IncomingHttpHeaders): Record<string, string[]> {
  const lists: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) lists[name] = Array.isArray(value) ? value : [value];
  }
  return lists;
}

/** In words, and with nothing of the request. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  // A name with several addresses fails with an error for each.
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  const told = error.message === '' && first instanceof Error ? first : error;
  return told.message === '' ? told.name : told.message;
}
