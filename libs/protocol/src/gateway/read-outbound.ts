import type { JsonObject, JsonValue } from '@perdure/domain';
import { canonicalJson } from '../json/canonical-json.ts';
import { asJsonObject } from '../json/parse-json.ts';
import type { OutboundRequest } from './outbound-request.ts';

/** Whose API is called: decides where the key goes and how a stream is put together. */
export type AiFormat = 'openai-chat' | 'openai-responses' | 'anthropic' | 'gemini' | 'bedrock';

export type ReadOutbound<Read> = ({ ok: true } & Read) | { ok: false; field: string; message: string };

/** Where else the body goes while it comes in; realtime. */
export interface PublishTarget {
  channel: string;
  topic: string;
}

const ANTHROPIC_VERSION_DEFAULT = '2023-06-01';

/** By the name that SDKs give it; anything else speaks as OpenAI's chat does, as most vendors do. */
const FORMATS: Readonly<Record<string, AiFormat>> = {
  anthropic: 'anthropic',
  gemini: 'gemini',
  bedrock: 'bedrock',
  'openai-responses': 'openai-responses',
};

const DEFAULT_URLS: Readonly<Record<string, string>> = {
  'openai-chat': 'https://api.openai.com/v1/chat/completions',
  'openai-responses': 'https://api.openai.com/v1/responses',
  anthropic: 'https://api.anthropic.com/v1/messages',
  grok: 'https://api.x.ai/v1/chat/completions',
};

/** Headers that say who asks: where an SDK sends one itself, no key is added. */
const CREDENTIAL_HEADERS: readonly string[] = ['authorization', 'api-key', 'x-api-key', 'x-goog-api-key'];

/** The request of a `Gateway` op. */
export function readGatewayRequest(
  opts: JsonObject,
): ReadOutbound<{ request: OutboundRequest; publish?: PublishTarget }> {
  const url = opts['url'];
  if (typeof url !== 'string' || url === '') return { ok: false, field: 'opts.url', message: 'Gateway names no URL' };
  const method = opts['method'];
  const body = bodyOf(opts['body']);
  const request: OutboundRequest = {
    url,
    method: typeof method === 'string' && method !== '' ? method.toUpperCase() : 'POST',
    headers: headersOf(opts['headers']),
    ...(body !== undefined && { body }),
  };
  return { ok: true, request, ...publishOf(opts) };
}

/** The request of an `AIGateway` op, with its key where the provider expects it, and what of it is secret. */
export function readAiRequest(
  opts: JsonObject,
): ReadOutbound<{ request: OutboundRequest; format: AiFormat; secrets: string[]; publish?: PublishTarget }> {
  const named = typeof opts['format'] === 'string' && opts['format'] !== '' ? opts['format'] : 'openai-chat';
  const url = urlOf(named, opts);
  if (url === undefined) {
    return { ok: false, field: 'opts.url', message: `AIGateway names no URL, and "${named}" has no default` };
  }
  const format = FORMATS[named] ?? 'openai-chat';
  const key = typeof opts['auth_key'] === 'string' ? opts['auth_key'] : '';
  const headers: Record<string, string> = { 'content-type': 'application/json', ...headersOf(opts['headers']) };
  if (format === 'anthropic') headers['anthropic-version'] ??= ANTHROPIC_VERSION_DEFAULT;
  const secrets = [key, ...CREDENTIAL_HEADERS.map((name) => headers[name] ?? ''), queryKeyOf(url)];
  // As it was sent: providers recognise a prompt that they have seen before by its bytes.
  const body = JSON.stringify(opts['body'] ?? {});
  const request = authenticated({ url, method: 'POST', headers, body }, format, key);
  return { ok: true, request, format, secrets: secrets.filter((secret) => secret !== ''), ...publishOf(opts) };
}

function urlOf(named: string, opts: JsonObject): string | undefined {
  const url = opts['url'];
  if (typeof url === 'string' && url !== '') return url;
  const model = asJsonObject(opts['body'])?.['model'];
  if (named === 'gemini' && typeof model === 'string') {
    return `https://generativelanguage.googleapis.com/v1beta/models/${encodeURIComponent(model)}:generateContent`;
  }
  return Object.hasOwn(DEFAULT_URLS, named) ? DEFAULT_URLS[named] : undefined;
}

function authenticated(request: OutboundRequest, format: AiFormat, key: string): OutboundRequest {
  const { headers } = request;
  if (key === '' || CREDENTIAL_HEADERS.some((name) => headers[name] !== undefined)) return request;
  switch (format) {
    case 'openai-chat':
    case 'openai-responses':
      return { ...request, headers: { ...headers, authorization: `Bearer ${key}` } };
    case 'anthropic':
      return { ...request, headers: { ...headers, 'x-api-key': key } };
    case 'bedrock':
      return { ...request, headers: { ...headers, authorization: key } };
    case 'gemini':
      return { ...request, url: withQueryKey(request.url, key) };
    default:
      return format satisfies never;
  }
}

function withQueryKey(url: string, key: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.searchParams.has('key')) return url;
  parsed.searchParams.set('key', key);
  return parsed.href;
}

function queryKeyOf(url: string): string {
  return URL.parse(url)?.searchParams.get('key') ?? '';
}

function headersOf(value: JsonValue | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, sent] of Object.entries(asJsonObject(value) ?? {})) {
    if (sent === null) continue;
    // Go has a list of values for each name.
    const texts = (Array.isArray(sent) ? sent : [sent]).map((text) =>
      typeof text === 'string' ? text : JSON.stringify(text),
    );
    headers[name.toLowerCase()] = texts.join(', ');
  }
  return headers;
}

function bodyOf(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : canonicalJson(value);
}

function publishOf(opts: JsonObject): { publish?: PublishTarget } {
  const publish = asJsonObject(opts['publish']);
  const { channel, topic } = publish ?? {};
  return typeof channel === 'string' && typeof topic === 'string' ? { publish: { channel, topic } } : {};
}
