import { expect, test } from 'vitest';
import { hashSigningKey, isBearerAccepted } from './signing-key.ts';

const KEY = `signkey-prod-${'ab'.repeat(32)}`;
const HASHED = 'signkey-prod-9a2db2e23f1504cd056606553ac049c5e718e8f9ce9233876df1a7a1821af885';
const bare = (key: string): string => key.replace('signkey-prod-', '');

test('a signing key is hashed behind its prefix', () => {
  expect(hashSigningKey(KEY)).toBe(HASHED);
  expect(hashSigningKey(bare(KEY))).toBe(bare(HASHED));
});

test.each([
  [KEY, KEY],
  [KEY, HASHED],
  [KEY, bare(KEY)],
  [KEY, bare(HASHED)],
  [bare(KEY), KEY],
  [bare(KEY), HASHED],
  [KEY, HASHED.replace('prod', 'test')],
])('[P29] the key %s accepts the bearer %s', (key, token) => {
  expect(isBearerAccepted(`Bearer ${token}`, [key])).toBe(true);
  expect(isBearerAccepted(`bearer ${token}`, ['00'.repeat(32), key])).toBe(true);
});

test.each([
  undefined,
  '',
  'Bearer',
  'Bearer ',
  'Bearer undefined',
  `Basic ${KEY}`,
  KEY,
  `Bearer ${HASHED}0`,
  `Bearer ${KEY} x`,
])('the header %j is refused when there are keys', (authorization) => {
  expect(isBearerAccepted(authorization, [KEY])).toBe(false);
});

test.each([undefined, '', 'Bearer ', 'Bearer undefined', `Bearer ${HASHED}`])(
  '[P11] without keys the header %j is accepted',
  (authorization) => {
    expect(isBearerAccepted(authorization, [])).toBe(true);
  },
);

test('a key that is no hexadecimal text is matched as it is', () => {
  expect(isBearerAccepted('Bearer my secret', ['my secret'])).toBe(false);
  expect(isBearerAccepted('Bearer local', ['local'])).toBe(true);
  expect(isBearerAccepted('Bearer other', ['local'])).toBe(false);
});
