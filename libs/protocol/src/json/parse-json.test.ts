import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { isLargerThan } from './json-bytes.ts';
import { JSON_DEPTH_MAX, parseJson } from './parse-json.ts';

test('JSON text gives its value', () => {
  expect(parseJson(' {"a":[1,null]} ')).toEqual({ ok: true, value: { a: [1, null] } });
});

test('text that is not JSON is answered with a reason', () => {
  expect(parseJson('{"a":')).toEqual({ ok: false, message: expect.stringMatching(/JSON/) });
});

test('nesting is read up to its limit, and what is read can be printed', () => {
  const deepest = '['.repeat(JSON_DEPTH_MAX) + ']'.repeat(JSON_DEPTH_MAX);

  const parsed = parseJson(deepest);

  expect(parsed.ok && canonicalJson(parsed.value)).toBe(deepest);
  expect(parseJson(`[${deepest}]`)).toMatchObject({ ok: false });
  expect(parseJson(`{"a":${deepest}}`)).toMatchObject({ ok: false });
});

test('a megabyte of opening brackets is refused', () => {
  expect(parseJson('['.repeat(1e6))).toMatchObject({ ok: false });
  expect(parseJson('['.repeat(5e5) + ']'.repeat(5e5))).toMatchObject({ ok: false });
});

test.each([
  ['ab', 2, false],
  ['abc', 2, true],
  ['\u20ac', 3, false],
  ['\u20ac', 2, true],
])('%j in %d bytes', (text, bytesMax, expected) => {
  expect(isLargerThan(text, bytesMax)).toBe(expected);
});
