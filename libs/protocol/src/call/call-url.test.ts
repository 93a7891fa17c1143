import { expect, test } from 'vitest';
import { callUrl } from './call-url.ts';

const CALL = { slug: 'probe-a', target: 'step' };

test.each([
  ['http://a:3000/api/inngest', 'http://a:3000/api/inngest?fnId=probe-a&stepId=step'],
  ['http://a/?fnId=probe-a&stepId=old&x=a%20b+c&y', 'http://a/?x=a%20b+c&y&fnId=probe-a&stepId=step'],
  ['http://a/?fnIds=1&stepId', 'http://a/?fnIds=1&fnId=probe-a&stepId=step'],
  ['http://a/x?#part', 'http://a/x?fnId=probe-a&stepId=step'],
  ['wss://connect/?fnId=probe-a&stepId=step', 'wss://connect/?fnId=probe-a&stepId=step'],
])('[P33] %s', (baseUrl, expected) => {
  expect(callUrl(baseUrl, CALL)).toBe(expected);
});

test('slug and target are encoded', () => {
  const url = new URL(callUrl('http://a/', { slug: 'my app-ä&b', target: 'f00' }));

  expect([url.searchParams.get('fnId'), url.searchParams.get('stepId')]).toEqual(['my app-ä&b', 'f00']);
});
