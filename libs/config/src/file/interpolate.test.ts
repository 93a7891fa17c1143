import { expect, test } from 'vitest';
import { interpolate } from './interpolate.ts';

const env = { HOST: 'db', EMPTY: '', DOLLAR: '${HOST}' };

test.each<[unknown, unknown]>([
  ['postgres://${HOST}:5432/${NAME:-perdure}', 'postgres://db:5432/perdure'],
  ['${EMPTY}', ''],
  ['${EMPTY:-full}', 'full'],
  ['${MISSING:-}', ''],
  ['${HOST:-other}', 'db'],
  ['$${HOST} $HOST $$ {HOST}', '${HOST} $HOST $$ {HOST}'],
  // What a variable holds is not looked at again.
  ['${DOLLAR}', '${HOST}'],
  [
    ['${HOST}', 'a', 1],
    ['db', 'a', 1],
  ],
  [true, true],
])('%j becomes %j', (given, value) => {
  expect(interpolate(given, env)).toEqual({ value, faults: [] });
});

test('a variable that is not set and has no default is named', () => {
  expect(interpolate(['${A}', '${HOST}-${B}'], env).faults).toEqual([
    'needs the variable A, which is not set',
    'needs the variable B, which is not set',
  ]);
});

test.each(['${}', '${a.b}', '${1}', '${a b}'])('%s names no variable', (given) => {
  expect(interpolate(given, env).faults).toEqual([expect.stringContaining('names no variable')]);
});
