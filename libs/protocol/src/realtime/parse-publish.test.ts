import { DEFAULT_ENV_ID } from '@perdure/domain';
import { expect, test } from 'vitest';
import { mayPublishTo, parsePublish } from './parse-publish.ts';

test('a channel and each topic once, and on whose behalf', () => {
  const query = { channel: 'c', topic: ['a', 'b', 'a', ''], run_id: 'r', metadata: '{"m":1}' };

  expect(parsePublish(query)).toEqual({ ok: true, channel: 'c', topics: ['a', 'b'], runId: 'r', metadata: { m: 1 } });
  expect(parsePublish({ channel: 'c', topic: 'a', run_id: '' })).toEqual({ ok: true, channel: 'c', topics: ['a'] });
  expect(parsePublish({ channel: 'c' }, ['$stream'])).toEqual({ ok: true, channel: 'c', topics: ['$stream'] });
});

test.each([
  [{ topic: 'a' }, 'channel'],
  [{ channel: '', topic: 'a' }, 'channel'],
  [{ channel: 'c' }, 'topic'],
  [{ channel: 'c', topic: Array.from({ length: 1_001 }, (_, index) => `${index}`) }, 'topics'],
  [{ channel: 'c', topic: 'a', metadata: '[1]' }, 'metadata'],
  [{ channel: 'c', topic: 'a', metadata: '{' }, 'metadata'],
])('what is missing or wrong is named: %j', (query, named) => {
  expect(parsePublish(query)).toMatchObject({ ok: false, error: expect.stringContaining(named) });
});

test('[P103] a token lets its bearer publish where it says, if it is for publishing', () => {
  const topic = (name: string) => ({ kind: 'run', envId: DEFAULT_ENV_ID, channel: 'c', name });
  const access = { topics: [topic('a'), topic('b')], mayPublish: true };

  expect(mayPublishTo(access, { channel: 'c', topics: ['a', 'b'] })).toBe(true);
  expect(mayPublishTo(access, { channel: 'c', topics: ['a', 'x'] })).toBe(false);
  expect(mayPublishTo(access, { channel: 'x', topics: ['a'] })).toBe(false);
  expect(mayPublishTo({ ...access, mayPublish: false }, { channel: 'c', topics: ['a'] })).toBe(false);
});
