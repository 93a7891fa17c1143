import { expect, test } from 'vitest';
import { readToken, signToken } from './token.ts';

const NOW = 1_795_215_794;
const claims = { sub: 'run-claim', RunID: '01KAZZZZZZZZZZZZZZZZZZZZZZ', exp: NOW + 60 };
const read = (token: string, signingKeys: string[] = [], nowSeconds = NOW) =>
  readToken(token, { signingKeys, nowSeconds });

test('a token is read under each of the keys, the one that signed it first or not', () => {
  const token = signToken(claims, 'old');

  expect(read(token, ['new', 'old'])).toEqual(claims);
  expect(read(token, ['new'])).toBeUndefined();
  expect(read(token)).toBeUndefined();
  expect(read(signToken(claims, undefined))).toEqual(claims);
});

test('it is a JWT that any library reads', () => {
  const [header = '', payload = ''] = signToken(claims, 'key').split('.');

  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', typ: 'JWT' });
  expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toEqual(claims);
});

test('it expires', () => {
  expect(read(signToken(claims, 'key'), ['key'], NOW + 60)).toBeUndefined();
});

test('what was changed, or is no token, is none', () => {
  const token = signToken(claims, 'key');
  const [header, payload, signature] = token.split('.');
  const other = Buffer.from(JSON.stringify({ ...claims, RunID: 'other' })).toString('base64url');
  const unsigned = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');

  for (const text of [
    '',
    'a.b.c',
    `${header}.${other}.${signature}`,
    `${unsigned}.${payload}.`,
    `${token}.x`,
    `${header}.${payload}`,
  ]) {
    expect(read(text, ['key']), text).toBeUndefined();
  }
});
