import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../json/canonical-json.ts';
import { firstEventJson } from './first-event.ts';

test('the first element is found whatever its strings hold', () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1 }), (events) => {
      const items = events.map((event) => canonicalJson(JSON.parse(JSON.stringify(event))));

      expect(firstEventJson(`[${items.join(',')}]`)).toBe(items[0]);
    }),
  );
});

test.each([['{"a":"}\\""}'], ['{"a":"\\\\"}'], ['{"\\"{":[{"b":"]"}]}']])('%s', (event) => {
  expect(firstEventJson(`[${event},{"z":1}]`)).toBe(event);
});

test('an empty array has no first element', () => {
  expect(firstEventJson('[]')).toBeUndefined();
});
