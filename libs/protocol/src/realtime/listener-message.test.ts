import { expect, test } from 'vitest';
import { readListenerMessage } from './listener-message.ts';

test('a subscriber may listen to more and to less', () => {
  expect(readListenerMessage('{"kind":"sub","data":"jwt"}')).toEqual({ kind: 'subscribe', token: 'jwt' });
  expect(readListenerMessage('{"kind":"unsub","data":["a",7,"b"]}')).toEqual({
    kind: 'unsubscribe',
    topics: ['a', 'b'],
  });
});

test.each([
  '',
  'x',
  '7',
  '{"kind":"sub"}',
  '{"kind":"sub","data":[]}',
  '{"kind":"unsub","data":"a"}',
  '{"kind":"pong"}',
])('anything else is not understood: %s', (frame) => {
  expect(readListenerMessage(frame)).toBeUndefined();
});
