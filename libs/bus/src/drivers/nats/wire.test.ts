import { expect, test } from 'vitest';

import { readHint, UnreadableHintError } from './wire.ts';

test('fields that are not known are left out', () => {
  expect(readHint('jobs-ready', '{"cell":3,"since":"newer version"}')).toEqual({ cell: 3 });
  expect(readHint('functions-changed', '{"environment":"newer version"}')).toEqual({});
});

test.each(['', 'null', '7', '[]', '{}', '{"cell":"3"}', '{"cell":1.5}', '{"cell":-1}'])(
  'a hint to a cell that reads %j is not understood',
  (text) => {
    expect(() => readHint('outbox-filled', text)).toThrow(UnreadableHintError);
  },
);
