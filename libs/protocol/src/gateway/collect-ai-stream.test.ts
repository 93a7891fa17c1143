import type { JsonObject } from '@perdure/domain';
import { expect, test } from 'vitest';
import { collectAiStream } from './collect-ai-stream.ts';

function stream(...events: (JsonObject | string)[]): string {
  return events
    .map((event) => `event: x\ndata: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
    .join('');
}

function chunk(delta: JsonObject, more: JsonObject = {}): JsonObject {
  const choice = { index: 0, delta, finish_reason: null, ...more };
  return { id: 'c1', object: 'chat.completion.chunk', model: 'm', choices: [choice] };
}

test('a stream of chat chunks becomes a chat completion: texts and arguments of calls are joined', () => {
  const body = stream(
    chunk({ role: 'assistant', content: 'Hel' }),
    chunk({ content: 'lo' }),
    chunk({ tool_calls: [{ index: 0, id: 't1', type: 'function', function: { name: 'look', arguments: '{"a"' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
    chunk({}, { finish_reason: 'tool_calls' }),
    { id: 'c1', object: 'chat.completion.chunk', choices: [], usage: { total_tokens: 3 } },
    '[DONE]',
  );

  expect(collectAiStream('openai-chat', body)).toEqual({
    ok: true,
    value: {
      id: 'c1',
      object: 'chat.completion',
      model: 'm',
      usage: { total_tokens: 3 },
      choices: [
        {
          index: 0,
          finish_reason: 'tool_calls',
          message: {
            role: 'assistant',
            content: 'Hello',
            tool_calls: [{ id: 't1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } }],
          },
        },
      ],
    },
  });
});

test('the answer of a responses stream is in its last event', () => {
  const response = { id: 'r1', status: 'completed', output: [] };
  const body = stream({ type: 'response.created', response: {} }, { type: 'response.completed', response });

  expect(collectAiStream('openai-responses', body)).toEqual({ ok: true, value: response });
});

test('a stream of message events becomes a message: blocks in order, inputs of tools parsed', () => {
  const body = stream(
    { type: 'message_start', message: { id: 'm1', content: [], usage: { input_tokens: 5, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'lo' } },
    { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 't', name: 'look', input: {} } },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"a":' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '1}' } },
    { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 9 } },
    { type: 'message_stop' },
  ).replaceAll('\n', '\r\n');

  expect(collectAiStream('anthropic', body)).toEqual({
    ok: true,
    value: {
      id: 'm1',
      stop_reason: 'tool_use',
      usage: { input_tokens: 5, output_tokens: 9 },
      content: [
        { type: 'text', text: 'Hello' },
        { type: 'tool_use', id: 't', name: 'look', input: { a: 1 } },
      ],
    },
  });
});

test('parts of a candidate are joined', () => {
  const part = (text: string, more: JsonObject = {}): JsonObject => ({
    candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, ...more }],
    usageMetadata: { totalTokenCount: text.length },
  });

  expect(collectAiStream('gemini', stream(part('Hel'), part('lo!', { finishReason: 'STOP' })))).toEqual({
    ok: true,
    value: {
      usageMetadata: { totalTokenCount: 3 },
      candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts: [{ text: 'Hello!' }] } }],
    },
  });
});

test.each([
  ['openai-chat', stream(chunk({ content: 'Hel' }))],
  ['openai-responses', stream({ type: 'response.created' })],
  ['anthropic', stream({ type: 'message_start', message: {} })],
  ['gemini', ''],
] as const)('a %s stream that breaks off is none', (format, body) => {
  expect(collectAiStream(format, body)).toEqual({ ok: false, reason: 'the stream ended before its end' });
});

test('an error in a stream, and what is no JSON, make it fail', () => {
  const overloaded = stream({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
  expect(collectAiStream('anthropic', overloaded)).toEqual({
    ok: false,
    reason: 'the stream reports an error: Overloaded',
  });
  expect(collectAiStream('openai-responses', stream({ type: 'error', message: 'no' }))).toMatchObject({
    reason: 'the stream reports an error: no',
  });
  expect(collectAiStream('openai-chat', 'data: {oops\n\n')).toMatchObject({ ok: false });
});
