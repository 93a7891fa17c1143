import { expect, test } from 'vitest';
import { instantOfNumber, parseDate } from './parse-date.ts';

const noon = Date.UTC(2026, 0, 15, 12, 0, 0);

test.each([
  ['2026-01-15T12:00:00Z', noon],
  ['2026-01-15t12:00:00z', noon],
  ['2026-01-15T14:00:00+02:00', noon],
  ['2026-01-15T12:00:00.250Z', noon + 250],
  ['2026-01-15T12:00:00.000001Z', noon + 0.001],
  ['2026-01-15T12:00:00', noon],
  ['2026-01-15', noon - 12 * 3_600_000],
  ['Thu, 15 Jan 2026 12:00:00 GMT', noon],
  ['Thu, 15 Jan 2026 07:00:00 -0500', noon],
  ['15 Jan 26 07:00 EST', noon],
  ['15 Jan 26 13:00 +0100', noon],
  ['Thursday, 15-Jan-26 12:00:00 UTC', noon],
  ['Thu Jan 15 14:00:00 +0200 2026', noon],
  ['Thu Jan 15 12:00:00 UTC 2026', noon],
  ['Thu Jan 15 12:00:00 2026', noon],
  ['Sun Jan  4 12:00:00 2026', noon - 11 * 86_400_000],
  ['Jan 15 12:00:00', Date.parse('0000-01-15T12:00:00Z')],
  ['Jan 15 12:00:00.500', Date.parse('0000-01-15T12:00:00.500Z')],
])('%s is read', (text, expected) => {
  expect(parseDate(text)).toBe(expected);
});

test.each([
  'garbage',
  '',
  '2026-02-30',
  '2026-13-01',
  '2026-01-15T25:00:00Z',
  '2026-01-15T12:60:00Z',
  'Thu, 15 Foo 2026 12:00:00 GMT',
  'Thu, 15 Jan 2026 12:00:00 XYZ',
  '1768478400',
  ' '.repeat(1000),
])('%j is no date', (text) => {
  expect(parseDate(text)).toBeUndefined();
});

test.each([
  [noon / 1000, noon],
  [noon, noon],
  [noon * 1000, noon],
  [noon * 1e6, noon],
])('%d is told by its size', (count, expected) => {
  expect(instantOfNumber(count)).toBe(expected);
});
