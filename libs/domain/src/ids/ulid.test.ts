import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeUlid, isUlid, ulidTimeMs } from './ulid.ts';

const entropies = fc.uint8Array({ minLength: 10, maxLength: 10 });
const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });

test('a ULID carries its time', () => {
  fc.assert(
    fc.property(times, entropies, (timeMs, entropy) => {
      const ulid = encodeUlid(timeMs, entropy);

      expect(isUlid(ulid)).toBe(true);
      expect(ulidTimeMs(ulid)).toBe(timeMs);
    }),
  );
});

test('ULIDs sort as their time and entropy do', () => {
  fc.assert(
    fc.property(times, entropies, times, entropies, (timeA, entropyA, timeB, entropyB) => {
      const byValue = timeA - timeB || Buffer.compare(entropyA, entropyB);
      const a = encodeUlid(timeA, entropyA);
      const b = encodeUlid(timeB, entropyB);

      expect(Math.sign(a < b ? -1 : a > b ? 1 : 0)).toBe(Math.sign(byValue));
    }),
  );
});

test('a known ULID is encoded', () => {
  expect(encodeUlid(1_795_215_794_569, new Uint8Array(10))).toBe('01M7XK68C90000000000000000');
});

test.each(['', '01M7XK68C9', '81M7XK68C90000000000000000', '01M7XK68C9000000000000000U', '01m7xk68c90000000000000000'])(
  '"%s" is no ULID',
  (text) => {
    expect(isUlid(text)).toBe(false);
  },
);
