import { expect, test } from 'vitest';
import type { OutboundAnswer } from './outbound-request.ts';
import { settleOutbound, type AiGatewayOp, type GatewayOp } from './settle-outbound.ts';

const BASE = { hash: 'h', displayName: 'step', isRace: false };
const REQUEST = { url: 'http://x/?key=secret-key-1', method: 'POST', headers: {} };
const GATEWAY: GatewayOp = { kind: 'gateway', ...BASE, request: REQUEST };
const AI: AiGatewayOp = {
  kind: 'ai-gateway',
  ...BASE,
  request: REQUEST,
  format: 'openai-chat',
  secrets: ['secret-key-1', 'ab'],
};

function answered(status: number, body: string, headers: Record<string, string[]> = {}): OutboundAnswer {
  return { kind: 'answered', url: 'http://y/', status, headers, body };
}

test.each([200, 404, 500])('[P71] any status is success: %d', (status) => {
  const headers = { 'content-type': ['text/plain'], 'x-two': ['a', 'b'], 'content-length': ['4'] };

  expect(settleOutbound(GATEWAY, answered(status, 'ö"x', headers))).toEqual({
    kind: 'step-done',
    ...BASE,
    memo: `{"data":{"body":"ö\\"x","headers":{"Content-Type":"text/plain","X-Two":"a,b"},"status_code":${status},"url":"http://y/"}}`,
  });
});

test('an answer that has no body by its status has none: SDKs refuse an empty one', () => {
  expect(settleOutbound(GATEWAY, answered(204, ''))).toMatchObject({
    memo: '{"data":{"body":null,"headers":{},"status_code":204,"url":"http://y/"}}',
  });
});

test('[P71] a request without an answer is a GatewayError', () => {
  expect(settleOutbound(GATEWAY, { kind: 'failed', reason: 'connection refused' })).toEqual({
    kind: 'step-error',
    ...BASE,
    error: { name: 'GatewayError', message: 'Error making gateway request: connection refused' },
    memo: '{"error":{"message":"Error making gateway request: connection refused","name":"GatewayError"}}',
  });
});

test('[P70] the answer of a provider is the data of the step, text where it is no JSON', () => {
  expect(settleOutbound(AI, answered(200, '{"b":1,"a":2}'))).toMatchObject({ memo: '{"data":{"a":2,"b":1}}' });
  expect(settleOutbound(AI, answered(200, 'plain'))).toMatchObject({ kind: 'step-done', memo: '{"data":"plain"}' });
});

test('[P70] another status than success is an AIGatewayError with what the provider said', () => {
  const error = {
    name: 'AIGatewayError',
    message: 'Error making AI request: unsuccessful status code: 422',
    data: { error: 'no' },
    stack: '{"error":"no"}',
  };

  expect(settleOutbound(AI, answered(422, '{"error":"no"}'))).toMatchObject({ kind: 'step-error', error });
  expect(settleOutbound(AI, answered(302, 'see there'))).toMatchObject({ error: { data: 'see there' } });
  expect(settleOutbound(AI, { kind: 'failed', reason: 'reset' })).toMatchObject({
    error: { name: 'AIGatewayError', message: 'Error making AI request: reset' },
  });
});

test('what a provider repeats of its key is cut out; what is too short to be one stays', () => {
  const said = settleOutbound(AI, answered(401, '{"error":"bad secret-key-1 about"}'));
  expect(JSON.stringify(said)).not.toContain('secret-key-1');
  expect(said).toMatchObject({ error: { data: { error: 'bad [redacted] about' } } });

  const reason = settleOutbound(AI, { kind: 'failed', reason: 'cannot reach http://x/?key=secret-key-1' });
  expect(JSON.stringify(reason)).not.toContain('secret-key-1');
});

test('a streamed answer is put together', () => {
  const chunk = { choices: [{ index: 0, delta: { content: 'hi' }, finish_reason: 'stop' }] };
  const headers = { 'content-type': ['text/event-stream; charset=utf-8'] };

  expect(
    settleOutbound(AI, answered(200, `data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`, headers)),
  ).toMatchObject({
    kind: 'step-done',
    memo: expect.stringContaining('"message":{"content":"hi","role":"assistant"}') as string,
  });
  expect(settleOutbound(AI, answered(200, 'data: {"error":{"message":"busy"}}\n\n', headers))).toMatchObject({
    kind: 'step-error',
    error: { message: 'Error making AI request: the stream reports an error: busy' },
  });
});

test('an answer above 4 MiB is a final error of the step', () => {
  expect(settleOutbound(GATEWAY, { kind: 'too-large' })).toMatchObject({
    kind: 'step-failed',
    error: { name: 'output_too_large' },
  });
  expect(settleOutbound(GATEWAY, answered(200, '"'.repeat(3 * 1024 * 1024)))).toMatchObject({ kind: 'step-failed' });
});
