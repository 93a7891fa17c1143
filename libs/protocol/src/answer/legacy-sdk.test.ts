import { expect, test } from 'vitest';
import { meansFinalBy4xx } from './legacy-sdk.ts';

test.each([
  ['js:v0.9.0', true],
  ['js:v1.10.0', true],
  ['inngest-js:v1.10.1', false],
  ['inngest-js:v2.4.0', true],
  ['inngest-js:v2.4.1', false],
  ['inngest-js:v2.5.0', false],
  ['inngest-js:v3.54.2', false],
  ['js:v4.0.0-scripted', false],
  ['inngest-py:v0.5.0', false],
  ['go:v0.7.0', false],
  ['', false],
])('a 4xx of %s is final: %s', (sdk, isFinal) => {
  expect(meansFinalBy4xx(sdk)).toBe(isFinal);
});
