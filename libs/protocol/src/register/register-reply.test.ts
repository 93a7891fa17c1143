import { expect, test } from 'vitest';
import type { RawAnswer } from '../answer/sdk-answer.ts';
import { appUrlKey, normalizeUrl } from './app-url.ts';
import { buildSyncCall, parseSyncAnswer } from './sync-call.ts';
import { registerErrorReply, registerReply, serverKindMismatch } from './register-reply.ts';

test('a registration that was taken', () => {
  expect(registerReply({ isModified: false, syncId: 's', appId: 'a' })).toEqual({
    ok: true,
    modified: false,
    sync_id: 's',
    app_id: 'a',
  });
});

test('[P17] a refused one has a numeric status, a text and every problem', () => {
  const errors = [
    { functionId: 'f', path: 'throttle.period', code: 'throttle_period_invalid', message: 'm' },
    { path: 'url', code: 'url_invalid', message: 'n' },
  ];

  expect(registerErrorReply({ message: 'text', errors })).toEqual({
    status: 400,
    code: 'config_invalid',
    error: 'text',
    data: {
      errors: [
        { function_id: 'f', path: 'throttle.period', code: 'throttle_period_invalid', message: 'm' },
        { path: 'url', code: 'url_invalid', message: 'n' },
      ],
    },
  });
});

test('an expected kind of server that we are not is refused', () => {
  expect(serverKindMismatch('dev', 'cloud')).toBe('Expected server kind dev, got cloud');
  expect(serverKindMismatch('cloud', 'cloud')).toBeUndefined();
  expect(serverKindMismatch(undefined, 'dev')).toBeUndefined();
  expect(serverKindMismatch('', 'dev')).toBeUndefined();
});

test.each([
  ['http://127.0.0.1:80/x?deployId=1', 'http://localhost/x'],
  ['http://0.0.0.0:3000/x', 'http://localhost:3000/x'],
  ['http://[::1]:3000/x', 'http://localhost:3000/x'],
  ['https://Host:443/x?a=1', 'https://host/x?a=1'],
  ['nonsense', 'nonsense'],
])('the app at %s is the app at %s', (url, key) => {
  expect(appUrlKey(url)).toBe(key);
});

test.each(['', 'nonsense', '/x', 'ftp://a/', 'javascript:alert(1)'])('%j cannot be called', (url) => {
  expect(normalizeUrl(url)).toBeUndefined();
});

test('[P23] the PUT that asks for functions has nothing but the URL in its body', () => {
  const call = buildSyncCall({ url: 'http://a/api', serverKind: 'dev', syncKind: 'out_of_band' });

  expect(call.body).toBe('{"url":"http://a/api"}');
  expect(call.headers).toEqual({
    'content-type': 'application/json',
    'user-agent': 'Perdure',
    'x-inngest-server-kind': 'dev',
  });
});

function answer(status: number, body: unknown, headers: Record<string, string> = {}): RawAnswer {
  return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
}

test('an SDK that declined to answer in band registered by itself', () => {
  const headers = { 'x-inngest-sync-kind': 'out_of_band', 'x-inngest-sdk': 'inngest-js:v4' };

  expect(parseSyncAnswer(answer(200, { message: 'ok', modified: true }, headers))).toEqual({
    kind: 'out-of-band',
    isModified: true,
  });
  expect(parseSyncAnswer(answer(200, 'ok', headers))).toEqual({ kind: 'out-of-band', isModified: false });
});

test.each<[RawAnswer, string]>([
  [answer(200, '<html>'), 'not_sdk'],
  [answer(401, { message: 'Unauthorized' }), 'unauthorized'],
  [answer(403, ''), 'forbidden'],
  [answer(404, 'x'), 'url_not_found'],
  [answer(500, {}), 'internal_server_error'],
  [answer(503, {}), 'internal_server_error'],
  [answer(400, { code: 'server_kind_mismatch', message: 'm' }), 'server_kind_mismatch'],
  [answer(418, {}), 'http_not_ok'],
])('%j is a failed sync', (raw, code) => {
  expect(parseSyncAnswer(raw)).toMatchObject({ kind: 'failed', code, message: expect.any(String) });
});
