import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonValue } from '@perdure/domain';
import { canonicalJson } from './canonical-json.ts';

/** The plain definition: sort every object's keys, then print with no shortcut taken. */
function reference(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(reference).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${reference(item)}`).join(',')}}`;
}

test('keys are printed in the order of UTF-16 code units at every level', () => {
  const value = {
    b: [{ d: 1, c: 2 }],
    a: { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6 },
  };

  expect(canonicalJson(value)).toBe(
    '{"a":{"\\r":2,"1":4,"\u0080":6,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3},"b":[{"c":2,"d":1}]}',
  );
});

test('keys that look like numbers are ordered as text', () => {
  expect(canonicalJson({ '9': 1, '10': 2, a: 3 })).toBe('{"10":2,"9":1,"a":3}');
});

test('numbers are printed as ECMAScript does', () => {
  expect(canonicalJson([1 / 3, 1e30, 4.5, 2e-3, 1e-27, -0, 1e21])).toBe(
    '[0.3333333333333333,1e+30,4.5,0.002,1e-27,0,1e+21]',
  );
});

test('strings are not escaped for HTML', () => {
  expect(canonicalJson({ z: '</script>&\u2028', a: '\u000f\n"\\' })).toBe(
    '{"a":"\\u000f\\n\\"\\\\","z":"</script>&\u2028"}',
  );
});

test('undefined is dropped from objects and is null in arrays, in order or not', () => {
  const inOrder = { a: undefined, b: [undefined, 1] } as unknown as JsonValue;
  const outOfOrder = { b: [undefined, 1], a: undefined, '0': undefined } as unknown as JsonValue;

  expect(canonicalJson(inOrder)).toBe('{"b":[null,1]}');
  expect(canonicalJson(outOfOrder)).toBe('{"b":[null,1]}');
});

test('a key named __proto__ is a key like any other', () => {
  expect(canonicalJson(JSON.parse('{"z":1,"__proto__":{"b":1,"a":2}}'))).toBe('{"__proto__":{"a":2,"b":1},"z":1}');
});

test('any JSON value is printed as by the plain definition, and parsing gives it back', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const parsed = JSON.parse(JSON.stringify(value)) as JsonValue;

      const text = canonicalJson(parsed);

      expect(text).toBe(reference(parsed));
      expect(JSON.parse(text)).toEqual(parsed);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test('the order in which keys were set makes no difference', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const value = JSON.parse(JSON.stringify(object)) as Record<string, JsonValue>;
      const reversed = Object.fromEntries(Object.entries(value).toReversed());

      expect(canonicalJson(reversed)).toBe(canonicalJson(value));
    }),
  );
});
