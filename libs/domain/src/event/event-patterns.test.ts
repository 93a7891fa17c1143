import { expect, test } from 'vitest';
import { isTriggerPattern, patternsMatching } from './event-patterns.ts';

const matches = (pattern: string, name: string): boolean => patternsMatching(name).includes(pattern);

test('[E9] app/* matches names below app/, and no other prefix', () => {
  for (const name of ['app/a', 'app/a.b', 'app/a/b']) expect(matches('app/*', name)).toBe(true);
  expect(matches('app/*', 'apps/a')).toBe(false);
});

test('[E10] app/user.* matches names below app/user., and no longer word', () => {
  for (const name of ['app/user.x', 'app/user.x.y']) expect(matches('app/user.*', name)).toBe(true);
  expect(matches('app/user.*', 'app/users')).toBe(false);
});

test('a name matches itself, with its case', () => {
  expect(patternsMatching('plain')).toEqual(['plain']);
  expect(matches('App/x', 'app/x')).toBe(false);
});

test.each([
  ['app/x', true],
  ['app/*', true],
  ['app/user.*', true],
  ['*', false],
  ['us*', false],
  ['a/*/c', false],
  ['a/**', false],
])('a trigger named %s is allowed: %s', (pattern, isAllowed) => {
  expect(isTriggerPattern(pattern)).toBe(isAllowed);
});
