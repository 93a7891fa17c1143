import { DEFAULT_ENV_ID } from '@perdure/domain';
import { expect, test } from 'vitest';
import { isPlainText, liveFrame, type LiveMessage, printLive, readLive } from './live-message.ts';

const MESSAGE: LiveMessage = {
  kind: 'data',
  envId: DEFAULT_ENV_ID,
  channel: 'chan-a',
  topics: ['top', 'other'],
  at: Date.parse('2026-11-20T23:16:19.045Z'),
  body: '{"hello":1}',
  isText: false,
};

test('what subscribers get says where it was published, and when', () => {
  expect(JSON.parse(liveFrame(MESSAGE, 'top'))).toEqual({
    kind: 'data',
    data: { hello: 1 },
    created_at: '2026-11-20T23:16:19.045Z',
    channel: 'chan-a',
    env_id: DEFAULT_ENV_ID,
    topic: 'top',
  });
  expect(JSON.parse(liveFrame({ ...MESSAGE, runId: 'r', metadata: { a: [] } }, 'other'))).toMatchObject({
    topic: 'other',
    run_id: 'r',
    metadata: { a: [] },
  });
});

test('JSON is passed on as it came', () => {
  expect(liveFrame({ ...MESSAGE, body: '[ 12345678901234567890, 1.0 ]' }, 'top')).toContain(
    '"data":[ 12345678901234567890, 1.0 ]}',
  );
});

test.each([
  ['{"a":1}', false],
  ['"text"', false],
  ['null', false],
  ['', true],
  ['text', true],
  ['{"a":', true],
  ['['.repeat(5_000) + ']'.repeat(5_000), true],
])('whether %.20s is delivered as text: %s', (body, isText) => {
  expect(isPlainText(body)).toBe(isText);
  expect(JSON.parse(liveFrame({ ...MESSAGE, body, isText }, 'top'))).toMatchObject({
    data: isText ? body : JSON.parse(body),
  });
});

test('a stream has an ID from its start to its end', () => {
  const frame = (message: Partial<LiveMessage>): unknown =>
    JSON.parse(liveFrame({ ...MESSAGE, body: '', isText: true, streamId: 's', ...message }, 'top'));

  expect(frame({ kind: 'stream-start' })).toMatchObject({ kind: 'datastream-start', data: 's' });
  expect(frame({ kind: 'stream-chunk', body: '5' })).toMatchObject({ kind: 'chunk', stream_id: 's', data: '5' });
  expect(frame({ kind: 'stream-end' })).toMatchObject({ kind: 'datastream-end', data: 's' });
});

test('a message is the same after its way between processes, its head without a line break', () => {
  const message = { ...MESSAGE, channel: 'a\nb', runId: 'r', body: 'line\nline', isText: true };

  const travelling = printLive(message);

  expect(travelling.head).not.toContain('\n');
  expect(readLive(travelling)).toEqual(message);
});
