import { expect, test } from 'vitest';

import { printMessage, readMessage, UnreadableHintError } from './wire.ts';

test('fields that are not known are left out', () => {
  expect(readMessage('jobs-ready', '{"cell":3,"since":"newer version"}')).toEqual({ cell: 3 });
  expect(readMessage('functions-changed', '{"environment":"newer version"}')).toEqual({});
});

test.each(['', 'null', '7', '[]', '{}', '{"cell":"3"}', '{"cell":1.5}', '{"cell":-1}'])(
  'a hint to a cell that reads %j is not understood',
  (text) => {
    expect(() => readMessage('outbox-filled', text)).toThrow(UnreadableHintError);
  },
);

test('a live update takes no more room than it has', () => {
  const update = { head: '{"channel":"c"}', body: 'line\nline\r\n"quoted" \u0001 ä' };

  const text = printMessage('realtime', update);

  expect(text).toHaveLength(update.head.length + 1 + update.body.length);
  expect(readMessage('realtime', text)).toEqual(update);
  expect(readMessage('realtime', '{}\n')).toEqual({ head: '{}', body: '' });
  expect(() => readMessage('realtime', '{}')).toThrow(UnreadableHintError);
});
