import type { PostgresDescription, RedisDescription, StreamDescription } from '@perdure/boot';
import { expect, test } from 'vitest';
import { judgePostgres, judgeRedis, judgeStream } from './judge-services.ts';
import type { Check } from './check.ts';

const stream: StreamDescription = { serverVersion: '2.11.0', replicas: 3, messages: 5, bytes: 1024 * 1024, groups: [] };

const redis: RedisDescription = {
  host: 'r:6379',
  version: '7.2.0',
  maxmemoryPolicy: 'noeviction',
  memoryBytes: 1024 * 1024,
  memoryBytesMax: 0,
  replicas: 1,
  appendOnlyFile: 'on',
  appendFsync: 'everysec',
  clockAheadMs: 3,
};

const postgres: PostgresDescription = {
  version: '17.6',
  pendingMigrations: [],
  connections: 10,
  connectionsMax: 100,
  isDurable: true,
  clockAheadMs: 0,
};

function told(checks: Check[]): string[] {
  return checks.map(({ name, status, message }) => `${status} ${name}: ${message}`);
}

test('services in order are named with what matters of them', () => {
  expect(told(judgeStream(stream, { replicas: 3 }))).toEqual([
    'ok NATS: 2.11.0 with JetStream: 5 messages, 1.0 MiB, 3 copies',
  ]);
  expect(told(judgeRedis(redis))).toEqual([
    'ok Redis: 7.2.0 at r:6379: noeviction, AOF on, appendfsync everysec, 1 replicas, 1.0 MiB',
  ]);
  expect(told(judgePostgres(postgres))).toEqual(['ok Postgres: 17.6: 10 of 100 connections']);
});

test.each<[Partial<RedisDescription>, string]>([
  [{ appendOnlyFile: 'off', replicas: 0 }, 'problem Redis: a restart loses runs: it has neither an AOF nor a replica'],
  [{ appendOnlyFile: 'failing' }, 'problem Redis: its AOF cannot be written'],
  [{ appendFsync: 'no' }, 'warning Redis: a loss of power loses more than the last second: appendfsync is no'],
  [
    { memoryBytesMax: 1024 * 1024 },
    'problem Redis: its memory is nearly full, and then it takes no runs: 1.0 MiB of 1.0 MiB',
  ],
  [{ clockAheadMs: 1_500 }, "warning Redis: its clock is 1500 ms ahead of this machine's"],
  [{ clockAheadMs: -61_000 }, "problem Redis: its clock is 61000 ms behind this machine's"],
])('a Redis with %j', (difference, message) => {
  expect(told(judgeRedis({ ...redis, ...difference }))).toEqual([expect.stringMatching(/^ok/), message]);
});

test('a Redis with replicas may do without an AOF', () => {
  expect(told(judgeRedis({ ...redis, appendOnlyFile: 'off' }))).toHaveLength(1);
});

test.each<[Partial<PostgresDescription>, string]>([
  [{ pendingMigrations: ['0002-x'] }, 'problem Postgres: its tables are not up to date, run perdure migrate: 0002-x'],
  [{ isDurable: false }, 'warning Postgres: a loss of power loses history: fsync or synchronous_commit is off'],
  [{ connections: 95 }, 'warning Postgres: nearly all of its connections are taken: raise max_connections'],
])('a Postgres with %j', (difference, message) => {
  expect(told(judgePostgres({ ...postgres, ...difference }))).toEqual([expect.stringMatching(/^ok/), message]);
});

test('a stream with fewer copies than the config wants', () => {
  expect(told(judgeStream({ ...stream, replicas: 1 }, { replicas: 3 }))).toEqual([
    expect.stringMatching(/^ok NATS: .* 1 copy$/),
    'warning NATS: the stream has 1 copies, the config wants 3',
  ]);
});
