import type { JsonObject } from '@perdure/domain';
import { expect, test } from 'vitest';
import { readAiRequest, readGatewayRequest } from './read-outbound.ts';

const BODY = { model: 'm-1', stream: false };

function readAi(opts: JsonObject) {
  const read = readAiRequest({ body: BODY, ...opts });
  if (!read.ok) throw new Error(read.message);
  return read;
}

test('[P71] a gateway request is as the function made it; without a method it is a POST', () => {
  const opts = { url: 'http://x/a', method: 'put', headers: { 'X-A': '1', b: ['2', '3'], c: null }, body: 'text' };

  expect(readGatewayRequest(opts)).toEqual({
    ok: true,
    request: { url: 'http://x/a', method: 'PUT', headers: { 'x-a': '1', b: '2, 3' }, body: 'text' },
  });
  expect(readGatewayRequest({ url: 'http://x/' })).toMatchObject({ request: { method: 'POST', headers: {} } });
  expect(readGatewayRequest({ url: 'http://x/', body: { a: 1 } })).toMatchObject({ request: { body: '{"a":1}' } });
  expect(readGatewayRequest({ url: 'http://x/', publish: { channel: 'c', topic: 't' } })).toMatchObject({
    publish: { channel: 'c', topic: 't' },
  });
});

test.each([{}, { url: 7 }, { url: '' }])('a gateway request needs a URL: %j', (opts) => {
  expect(readGatewayRequest(opts)).toMatchObject({ ok: false, field: 'opts.url' });
});

test.each([
  [undefined, 'openai-chat', 'https://api.openai.com/v1/chat/completions', { authorization: 'Bearer secret-key' }],
  ['openai-chat', 'openai-chat', 'https://api.openai.com/v1/chat/completions', { authorization: 'Bearer secret-key' }],
  [
    'openai-responses',
    'openai-responses',
    'https://api.openai.com/v1/responses',
    { authorization: 'Bearer secret-key' },
  ],
  ['grok', 'openai-chat', 'https://api.x.ai/v1/chat/completions', { authorization: 'Bearer secret-key' }],
  ['anthropic', 'anthropic', 'https://api.anthropic.com/v1/messages', { 'x-api-key': 'secret-key' }],
])('[P70] the format %s: where its key goes and its default URL', (named, format, url, auth) => {
  const read = readAi({ auth_key: 'secret-key', ...(named !== undefined && { format: named }) });

  expect(read.format).toBe(format);
  expect(read.request).toMatchObject({ url, method: 'POST', body: JSON.stringify(BODY) });
  expect(read.request.headers).toMatchObject({ 'content-type': 'application/json', ...auth });
  expect(read.secrets).toContain('secret-key');
});

test('[P70] gemini has its key in the query, bedrock has it raw in the header', () => {
  const gemini = readAi({ format: 'gemini', auth_key: 'k&1', url: 'https://g/m:generateContent?alt=json' });
  expect(gemini.request.url).toBe('https://g/m:generateContent?alt=json&key=k%261');
  expect(gemini.request.headers).not.toHaveProperty('authorization');

  expect(readAi({ format: 'gemini', auth_key: 'k', url: 'https://g/m?key=own' })).toMatchObject({
    request: { url: 'https://g/m?key=own' },
    secrets: ['k', 'own'],
  });
  expect(readAi({ format: 'gemini' }).request.url).toBe(
    'https://generativelanguage.googleapis.com/v1beta/models/m-1:generateContent',
  );
  expect(readAi({ format: 'bedrock', auth_key: 'AWS4-HMAC x', url: 'https://b/invoke' }).request.headers).toMatchObject(
    { authorization: 'AWS4-HMAC x' },
  );
});

test('[P70] headers of the op are sent along; with credentials among them no key is added', () => {
  const anthropic = readAi({
    format: 'anthropic',
    auth_key: 'k',
    headers: { 'anthropic-version': 'v9', 'X-Beta': 'b' },
  });
  expect(anthropic.request.headers).toMatchObject({ 'anthropic-version': 'v9', 'x-beta': 'b', 'x-api-key': 'k' });

  const azure = readAi({
    format: 'azure-openai',
    url: 'https://a/',
    auth_key: 'k',
    headers: { 'api-key': 'azure-key' },
  });
  expect(azure.request.headers).not.toHaveProperty('authorization');
  expect(azure.secrets).toEqual(['k', 'azure-key']);
});

test('a format without a default URL needs one', () => {
  expect(readAiRequest({ format: 'bedrock', body: BODY })).toMatchObject({ ok: false, field: 'opts.url' });
  expect(readAiRequest({ format: 'gemini' })).toMatchObject({ ok: false, field: 'opts.url' });
});
