import { describe, expect, test } from 'vitest';
import { parseDuration, parseInstant } from './parse-duration.ts';

describe('durations', () => {
  test.each([
    ['0', 0],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['1w2d', 777_600_000],
    ['1.5s', 1_500],
    ['.5m', 30_000],
    ['250ms', 250],
    ['-5m', -300_000],
    ['+1s', 1_000],
    [' 1s ', 1_000],
    ['500us', 0.5],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', 'abc', '5', '1x', '1s2', 's', '1 s', '--1s'])('"%s" is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('instants', () => {
  test.each([
    ['2026-11-20T23:06:28.128Z', Date.UTC(2026, 10, 20, 23, 6, 28, 128)],
    ['2026-11-20T23:06:28Z', Date.UTC(2026, 10, 20, 23, 6, 28)],
    ['2026-11-21T00:06:28+01:00', Date.UTC(2026, 10, 20, 23, 6, 28)],
  ])('%s is read', (text, at) => {
    expect(parseInstant(text)).toBe(at);
  });

  test('[P60] fractions below a millisecond are rounded up, so that nothing wakes early', () => {
    expect(parseInstant('2026-11-20T23:06:28.128000001Z')).toBe(Date.UTC(2026, 10, 20, 23, 6, 28, 129));
    expect(parseInstant('2026-11-20T23:06:28.128000Z')).toBe(Date.UTC(2026, 10, 20, 23, 6, 28, 128));
  });

  test.each(['', '1s', '2026-11-20', '2026-13-20T00:00:00Z', '2026-11-20T23:06:28'])('"%s" is none', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});
