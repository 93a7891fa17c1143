import { expect, test } from 'vitest';

import { parseRedisUrl } from './redis-url.ts';

test('one server, with and without user, port and database', () => {
  expect(parseRedisUrl('redis://localhost')).toEqual({
    kind: 'single',
    hosts: [{ host: 'localhost', port: 6379 }],
    masterName: '',
    database: 0,
    isTls: false,
  });
  expect(parseRedisUrl('rediss://me:p%40ss%2F:@[::1]:7000/3')).toEqual({
    kind: 'single',
    hosts: [{ host: '::1', port: 7000 }],
    masterName: '',
    database: 3,
    isTls: true,
    username: 'me',
    password: 'p@ss/:',
  });
});

test('a password alone is that of the default user, and may hold what should have been encoded', () => {
  expect(parseRedisUrl('redis://:a/b@c@host')).toMatchObject({
    hosts: [{ host: 'host', port: 6379 }],
    password: 'a/b@c',
  });
});

test('sentinels and the name of their master', () => {
  expect(parseRedisUrl('redis+sentinel://:secret@s1,s2:26380/my%20master/2')).toEqual({
    kind: 'sentinel',
    hosts: [
      { host: 's1', port: 26379 },
      { host: 's2', port: 26380 },
    ],
    masterName: 'my master',
    database: 2,
    isTls: false,
    password: 'secret',
  });
});

test('nodes of a cluster', () => {
  expect(parseRedisUrl('rediss+cluster://h1:7001,h2/')).toMatchObject({
    kind: 'cluster',
    hosts: [
      { host: 'h1', port: 7001 },
      { host: 'h2', port: 6379 },
    ],
    isTls: true,
  });
});

test.each([
  ['http://:secret@host', 'expected one of'],
  ['redis://:secret@', 'expected one of'],
  ['redis://:secret@a,b', 'several hosts'],
  ['redis://:secret@host:0', 'no port 0'],
  ['redis://:secret@host:66000', 'no port 66000'],
  ['redis://:secret@host:port', 'not host:port'],
  ['redis://:secret@host/first', 'database is a number'],
  ['redis://:secret@host/1/2', 'database is a number'],
  ['redis://secret@host', 'user without a password'],
  ['redis://:se%cret@host', '%25'],
  ['redis+sentinel://:secret@host', 'name of the master'],
  ['redis+sentinel://:secret@host/master/x', 'database is a number'],
  ['redis+cluster://:secret@host/1', 'no database but 0'],
  ['redis://:secret@host?timeout=secret', 'expected one of'],
])('%s is refused without the password in the message', (url, problem) => {
  const parse = () => parseRedisUrl(url);

  expect(parse).toThrow(problem);
  expect(parse).not.toThrow('secret');
});
