import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createInterface } from 'node:readline';
import { testClock } from '@perdure/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { describeEventStream } from '../../event-stream.contract.ts';
import { GROUP_NAMES } from '../../event-stream.ts';
import { openEmbeddedEventStream } from './embedded-event-stream.ts';

const FILE = 'stream.sqlite';
const LOG = 'stream.sqlite-wal';
const PAGE_BYTES = 4096;
let folder: string;
const never = new AbortController().signal;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-stream-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const TIMES = { ackWaitMs: 30_000, dedupWindowMs: 120_000, precisionMs: 1 };

describeEventStream('embedded', TIMES, async (options) => {
  const clock = testClock();
  let stream = await openEmbeddedEventStream({ path: folder, clock, ...options });
  return {
    stream,
    now: () => clock.now(),
    advanceBy: (ms) => clock.advanceBy(ms),
    // A group looks at once, but for what a commit is about to bring.
    settle: async () => void (await stream.append([])),
    reopen: async () => {
      await stream.close();
      stream = await openEmbeddedEventStream({ path: folder, clock, ...options });
      return stream;
    },
  };
});

/** Lines of a script that has `stream`, opened in the folder by a process of its own. */
function startScript(
  body: string,
  wrap: (command: string[]) => string[] = (command) => command,
): {
  lines: AsyncIterable<string>;
  kill: () => Promise<unknown>;
} {
  const source = `
    import { openEmbeddedEventStream } from ${JSON.stringify(new URL('./embedded-event-stream.ts', import.meta.url).href)};
    import { testClock } from '@perdure/testing';
    const stream = await openEmbeddedEventStream({ path: ${JSON.stringify(folder)}, clock: testClock(Date.now()) });
    const never = new AbortController().signal;
    ${body}`;
  const [command = '', ...args] = wrap([process.execPath, '-C', 'perdure-source', '--input-type=module', '-e', source]);
  const child = spawn(command, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = once(child, 'close');
  return {
    lines: createInterface({ input: child.stdout }),
    kill: () => {
      child.kill('SIGKILL');
      return closed;
    },
  };
}

test('after kill -9 everything appended and not acknowledged is delivered at once, round after round', async () => {
  const appended = new Set<string>();
  const acked = new Set<string>();
  for (let round = 1; round <= 3; round++) {
    const { lines, kill } = startScript(`
      async function append() {
        for (let i = 0; ; i++) {
          const ids = Array.from({ length: 1 + (i % 7) }, () => crypto.randomUUID());
          await stream.append(ids.map((id) => ({ id, topic: 'events', body: id.repeat(20) })));
          console.log('appended ' + ids.join());
        }
      }
      async function consume() {
        for (;;) {
          const pulled = await stream.pull('runner', 20, never);
          const done = pulled.filter((_, index) => index % 3 > 0);
          console.log('acking ' + done.map(({ id }) => id).join());
          await stream.ack('runner', done.map(({ seq }) => seq));
        }
      }
      for (let i = 0; i < 8; i++) append();
      consume();`);
    for await (const line of lines) {
      const [what, ids = ''] = line.split(' ');
      for (const id of ids.split(',')) (what === 'appended' ? appended : acked).add(id);
      // What it had printed until then is read to the end.
      if (appended.size >= round * 2_000) void kill();
    }
  }

  const stream = await openEmbeddedEventStream({ path: folder, clock: testClock(Date.now()) });
  const lag = await stream.lag('runner');
  const delivered: string[] = [];
  while (delivered.length < lag) delivered.push(...(await stream.pull('runner', 500, never)).map(({ id }) => id));

  const found = new Set([...acked, ...delivered]);
  expect([...appended].filter((id) => !found.has(id))).toEqual([]);
  expect(new Set(delivered).size).toBe(delivered.length);
  const again = await stream.append([...appended].map((id) => ({ id, topic: 'events', body: '' })));
  expect(again).toEqual({ appended: 0, duplicates: appended.size });
  await stream.close();
});

test('a folder is for one process at a time', async () => {
  const clock = testClock();
  const stream = await openEmbeddedEventStream({ path: folder, clock });

  await expect(openEmbeddedEventStream({ path: folder, clock })).rejects.toMatchObject({ code: 'FOLDER_LOCKED' });

  await stream.close();
  await (await openEmbeddedEventStream({ path: folder, clock })).close();
});

test.each<[string, (file: string) => void]>([
  ['cut in half', (file) => truncateSync(file, statSync(file).size / 2)],
  ['cut to a few bytes', (file) => truncateSync(file, 60)],
  ['emptied', (file) => truncateSync(file, 0)],
  ['full of garbage', (file) => writeFileSync(file, Buffer.alloc(statSync(file).size, 'garbage'))],
  [
    'overwritten behind its head',
    (file) => writeFileSync(file, Buffer.alloc(8 * PAGE_BYTES, 'garbage').fill(readFileSync(file), 0, 2 * PAGE_BYTES)),
  ],
])('a damaged folder is reported in one sentence, and this process lives: a file %s', async (_what, damage) => {
  const stream = await openEmbeddedEventStream({ path: folder, clock: testClock() });
  await stream.append(
    Array.from({ length: 500 }, (_, index) => ({ id: `m${index}`, topic: 'events', body: 'x'.repeat(1_000) })),
  );
  await stream.close();
  damage(join(folder, FILE));

  await expect(openEmbeddedEventStream({ path: folder, clock: testClock() })).rejects.toMatchObject({
    code: 'FOLDER_CORRUPT',
    message: expect.stringMatching(/^the folder \S+ is damaged \(.+\): restore it from a backup, or remove it/),
  });
});

test('a folder that lost its file and kept the log is damaged, not new', async () => {
  const { lines, kill } = startScript(
    `await stream.append([{ id: 'a', topic: 'events', body: '' }]); console.log('appended');`,
  );
  for await (const line of lines) if (line === 'appended') void kill();
  rmSync(join(folder, FILE));

  await expect(openEmbeddedEventStream({ path: folder, clock: testClock() })).rejects.toMatchObject({
    code: 'FOLDER_CORRUPT',
  });
});

test('a stream that an older version kept in LMDB is not taken for an empty one', async () => {
  writeFileSync(join(folder, 'data.mdb'), 'messages');

  await expect(openEmbeddedEventStream({ path: folder, clock: testClock() })).rejects.toMatchObject({
    message: expect.stringMatching(/^the folder \S+ holds an event stream of an older Perdure/),
  });
});

test('a folder of a version without topics: the runner goes on, the recorder starts at what is stored', async () => {
  const db = new DatabaseSync(join(folder, FILE));
  db.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE messages (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL, appended_at REAL NOT NULL) STRICT;
    CREATE TABLE ids_0 (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE ids_1 (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE acks (consumer TEXT, seq INTEGER, PRIMARY KEY (consumer, seq)) STRICT, WITHOUT ROWID;
    CREATE TABLE attempts (
      consumer TEXT, seq INTEGER, deliveries INTEGER NOT NULL, due_at REAL NOT NULL, PRIMARY KEY (consumer, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE dead_letters (
      consumer TEXT, seq INTEGER, id TEXT NOT NULL, body TEXT NOT NULL, appended_at REAL NOT NULL,
      deliveries INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (consumer, seq)
    ) STRICT;
    CREATE TABLE cursors (consumer TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value REAL NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO messages VALUES (6, 'pulled', 'p', 1000), (7, 'fresh', 'f', 1001);
    INSERT INTO ids_0 VALUES ('pulled'), ('fresh');
    INSERT INTO cursors VALUES ('runner', 7);
    INSERT INTO dead_letters VALUES ('runner', 2, 'dead', 'd', 900, 15, 'broken');
    INSERT INTO facts VALUES ('lastSeq', 7), ('messages', 2), ('dedupCurrent', 0), ('dedupSince', 1000);
  `);
  db.close();

  const stream = await openEmbeddedEventStream({ path: folder, clock: testClock(2_000) });

  expect(await stream.lag('recorder')).toBe(2);
  expect(await stream.pull('runner', 10, never)).toMatchObject([
    { id: 'pulled', topic: 'events', body: 'p', deliveryCount: 2 },
    { id: 'fresh', topic: 'events', body: 'f', deliveryCount: 1 },
  ]);
  expect(await stream.pull('recorder', 10, never)).toMatchObject([
    { id: 'pulled', deliveryCount: 1 },
    { id: 'fresh', deliveryCount: 1 },
  ]);
  expect(await stream.readDeadLetters('runner', 10)).toMatchObject([{ id: 'dead', topic: 'events', reason: 'broken' }]);
  expect(await stream.append([{ id: 'fresh', topic: 'records', body: '' }])).toEqual({ appended: 0, duplicates: 1 });
  await stream.close();
});

test('what was put back may still be acknowledged', async () => {
  const clock = testClock();
  const stream = await openEmbeddedEventStream({ path: folder, clock });
  await stream.append([{ id: 'a', topic: 'events', body: '' }]);
  const [first] = await stream.pull('runner', 10, never);
  await stream.putBack('runner', first?.seq ?? -1, 1_000, 'later');

  await stream.ack('runner', [first?.seq ?? -1]);
  await clock.advanceBy(1_000);

  expect(await stream.lag('runner')).toBe(0);
  await stream.close();
});

test('after power has failed all that was answered is there, whatever else of the log reached the disk', async () => {
  const stream = await openEmbeddedEventStream({ path: folder, clock: testClock() });
  const ids = Array.from({ length: 50 }, (_, index) => `answered-${index}`);
  await Promise.all(ids.map((id) => stream.append([{ id, topic: 'events', body: 'x'.repeat(3_000) }])));
  const flushed = readFileSync(join(folder, LOG));
  for (let i = 0; i < 50; i++) await stream.append([{ id: `later-${i}`, topic: 'events', body: 'y'.repeat(3_000) }]);
  const latest = readFileSync(join(folder, LOG));
  const file = readFileSync(join(folder, FILE));
  await stream.close();
  expect(latest.length).toBeGreaterThan(flushed.length);

  for (let lost = flushed.length; lost < latest.length; lost += 7 * PAGE_BYTES) {
    const crashed = join(folder, `lost-${lost}`);
    mkdirSync(crashed);
    writeFileSync(join(crashed, FILE), file);
    writeFileSync(join(crashed, LOG), Buffer.from(latest).fill(0, lost, lost + PAGE_BYTES));
    const restored = await openEmbeddedEventStream({ path: crashed, clock: testClock() });

    const again = await restored.append(ids.map((id) => ({ id, topic: 'events', body: '' })));
    const pulled = await restored.pull('runner', 1_000, never);

    expect(again).toEqual({ appended: 0, duplicates: ids.length });
    expect(pulled.slice(0, ids.length).map(({ id }) => id)).toEqual(ids);
    await restored.close();
  }
});

test('an append that cannot be written is refused whole; when there is room again appending goes on', async () => {
  const limitedTo8Mib = (command: string[]): string[] => [
    '/bin/sh',
    '-c',
    `trap '' XFSZ; ulimit -f 16384; exec "$@"`,
    'sh',
    ...command,
  ];
  const { lines, kill } = startScript(
    `
    const body = 'x'.repeat(100_000);
    const ids = (prefix, count) => Array.from({ length: count }, (_, index) => ({ id: prefix + index, topic: 'events', body }));
    let stored = 0;
    let failure;
    while (failure === undefined) {
      await stream.append(ids('round' + stored + '-', 3)).then(() => (stored += 3), (error) => (failure = error));
    }
    console.log(failure.code);
    console.log((await stream.lag('runner')) - stored);
    for (const group of ['runner', 'recorder']) {
      const pulled = await stream.pull(group, 1_000, never);
      await stream.ack(group, pulled.map(({ seq }) => seq));
      if (group === 'runner') console.log(pulled.length - stored);
    }
    // The first of these commits drops what was acknowledged, the second one may use its place.
    await stream.append([{ id: 'small', topic: 'events', body: '' }]);
    await stream.append([{ id: 'smaller', topic: 'events', body: '' }]);
    console.log((await stream.append(ids('again', 3))).appended);`,
    limitedTo8Mib,
  );
  const printed: string[] = [];
  for await (const line of lines) {
    printed.push(line);
    if (printed.length === 4) break;
  }
  await kill();

  expect(printed).toEqual(['STREAM_WRITE_FAILED', '0', '0', '3']);
});

test('what every group acknowledged makes room: the folder does not grow with what passes through', async () => {
  const stream = await openEmbeddedEventStream({ path: folder, clock: testClock() });
  const body = 'x'.repeat(20_000);
  for (let round = 0; round < 300; round++) {
    await stream.append(Array.from({ length: 25 }, (_, index) => ({ id: `${round}-${index}`, topic: 'events', body })));
    for (const group of GROUP_NAMES) {
      const pulled = await stream.pull(group, 100, never);
      await stream.ack(
        group,
        pulled.map(({ seq }) => seq),
      );
    }
  }

  // The log starts over again and again; on a busy machine it grows on while it is moved into the database.
  expect(statSync(join(folder, LOG)).size).toBeLessThan(100_000_000);
  await stream.close();
  // 150 MB have passed, at most three rounds of which are there at once.
  expect(statSync(join(folder, FILE)).size).toBeLessThan(6_000_000);
});

test('an ID is forgotten after two windows: what is remembered is bounded', async () => {
  const clock = testClock();
  const stream = await openEmbeddedEventStream({ path: folder, clock, dedupWindowMs: 1_000 });
  await stream.append([{ id: 'a', topic: 'events', body: '' }]);

  for (const id of ['b', 'c', 'd']) {
    await clock.advanceBy(1_000);
    await stream.append([{ id, topic: 'events', body: '' }]);
  }

  expect(await stream.append([{ id: 'd', topic: 'events', body: '' }])).toEqual({ appended: 0, duplicates: 1 });
  expect(await stream.append([{ id: 'a', topic: 'events', body: '' }])).toEqual({ appended: 1, duplicates: 0 });
  await stream.close();
});

test('acknowledgements reach the disk by themselves within a moment', async () => {
  const clock = testClock();
  const stream = await openEmbeddedEventStream({ path: folder, clock });
  await stream.append([{ id: 'a', topic: 'events', body: '' }]);
  const pulled = await stream.pull('runner', 1, never);

  await stream.ack('runner', [pulled[0]?.seq ?? -1]);
  expect(clock.pendingTimers()).toHaveLength(1);
  await clock.advanceBy(100);
  await stream.append([]);

  expect(clock.pendingTimers()).toEqual([]);
  await stream.close();
});

test('a stream without messages and with a waiting pull has no timers', async () => {
  const clock = testClock();
  const stream = await openEmbeddedEventStream({ path: folder, clock });
  const stop = new AbortController();
  const pulled = stream.pull('runner', 1, stop.signal);
  await stream.append([]);

  await clock.advanceBy(100);
  await stream.append([]);

  expect(clock.pendingTimers()).toEqual([]);
  stop.abort();
  expect(await pulled).toEqual([]);
  await stream.close();
});
