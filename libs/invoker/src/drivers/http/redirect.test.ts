import { expect, test } from 'vitest';

import { redirectTarget } from './redirect.ts';

const original = new URL('http://app:3000/api/inngest?fnId=a-b&stepId=step&x=a%20b');

test.each([
  ['/moved', 'http://app:3000/moved?fnId=a-b&stepId=step&x=a%20b'],
  ['https://other/api', 'https://other/api?fnId=a-b&stepId=step&x=a%20b'],
  ['?stepId=mine', 'http://app:3000/api/inngest?stepId=mine&fnId=a-b&x=a%20b'],
  ['/moved?sig=%2Fq%2B&x=1', 'http://app:3000/moved?sig=%2Fq%2B&x=1&fnId=a-b&stepId=step'],
])('[P42] a redirect to %s leads to %s', (location, expected) => {
  expect(redirectTarget(location, original, original)?.href).toBe(expected);
});

test('a chain keeps the parameters of the first URL, relative to the one that answered', () => {
  const answered = new URL('http://app:3000/deep/er?fnId=a-b&stepId=step&x=a%20b');

  expect(redirectTarget('../up', answered, original)?.href).toBe('http://app:3000/up?fnId=a-b&stepId=step&x=a%20b');
});

test.each(['http://[', 'ftp://host/file', 'javascript:alert(1)'])('%s is nowhere to go', (location) => {
  expect(redirectTarget(location, original, original)).toBeUndefined();
});
