import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { testClock } from '@perdure/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Player } from '../../contract/player.ts';
import { describeStore } from '../../store.contract.ts';
import type { Store } from '../../store.ts';
import { openEmbeddedStore } from './embedded-store.ts';

const FILE = 'store.sqlite';
const LOG = 'store.sqlite-wal';
const PAGE_BYTES = 4096;
/** Answers that the writer gives before it is killed, in each of its lives. */
const ANSWERS_BEFORE_KILL = [1, 40, 200];

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function openIn(path: string): Promise<Store> {
  const store = await openEmbeddedStore({ path, clock: testClock() });
  onTestFinished(() => store.close());
  return store;
}

describeStore('embedded', ({ clock }) => openEmbeddedStore({ path: aFolder(), clock }));

describe('the folder', () => {
  test('keeps what was answered when it is closed and opened again', async () => {
    const path = aFolder();
    const store = await openIn(path);
    const play = new Player(store, testClock());
    await play.start();
    await play.create();
    const before = await store.dump();
    await store.close();

    const again = await openIn(path);

    expect(await again.dump()).toEqual(before);
    expect(await again.checkInvariants()).toEqual([]);
  });

  test('is opened by one store at a time', async () => {
    const path = aFolder();
    const store = await openIn(path);
    await expect(openEmbeddedStore({ path, clock: testClock() })).rejects.toMatchObject({ code: 'FOLDER_LOCKED' });

    await store.close();

    await openIn(path);
  });

  test('that is damaged is refused in one sentence', async () => {
    for (const damage of [
      (file: string) => truncateSync(file, 8192),
      (file: string) => writeFileSync(file, Buffer.alloc(64 * 1024, 'garbage')),
    ]) {
      const path = aFolder();
      const store = await openIn(path);
      const play = new Player(store, testClock());
      for (let i = 0; i < 50; i++) await play.create();
      await store.close();
      damage(join(path, FILE));

      await expect(openEmbeddedStore({ path, clock: testClock() })).rejects.toMatchObject({ code: 'FOLDER_CORRUPT' });
    }
  });

  test('of an earlier or later layout is refused as it is, with a sentence that says what to do', async () => {
    for (const [layout, writer] of [
      [0, 'an earlier'],
      [99, 'a later'],
    ] as const) {
      const path = aFolder();
      const store = await openIn(path);
      await new Player(store, testClock()).create();
      await store.close();
      setLayout(path, layout);

      const opened = openEmbeddedStore({ path, clock: testClock() });

      await expect(opened).rejects.toMatchObject({
        code: 'FOLDER_OTHER_LAYOUT',
        message: expect.stringMatching(new RegExp(`${writer} version.*new data folder`)),
      });
      setLayout(path, 1);
      expect(await (await openIn(path)).counts()).toMatchObject({ runs: 1 });
    }
  });

  test('that is new or has no records gets the layout of today', async () => {
    const path = aFolder();
    await (await openIn(path)).close();
    expect(layoutOf(path)).toBe(1);
    setLayout(path, 0);

    await (await openIn(path)).close();

    expect(layoutOf(path)).toBe(1);
  });

  test('a closed store answers nothing more', async () => {
    const store = await openIn(aFolder());
    await store.close();

    await expect(store.counts()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await store.close();
  });
});

describe('group commit', () => {
  test('an operation that throws fails alone and leaves nothing behind', async () => {
    const store = await openIn(aFolder());
    const play = new Player(store, testClock());
    await play.create();
    const broken = { ...play.aRun(), priority: 0.0001 };
    const before = await store.dump();
    await expect(store.schedule(broken)).rejects.toMatchObject({ code: 'INVARIANT_BROKEN' });
    expect(await store.dump()).toEqual(before);

    const results = await Promise.allSettled([play.schedule(), store.schedule(broken), play.schedule()]);

    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await store.counts()).toMatchObject({ runs: 3, ready: 3 });
    expect(await store.checkInvariants()).toEqual([]);
  });

  test('calls made together take effect in the order in which they were made', async () => {
    const store = await openIn(aFolder());
    const play = new Player(store, testClock());
    const args = play.aRun();

    const [first, found, end, gone] = await Promise.all([
      store.schedule(args),
      store.findRun(args.runId),
      store.finalize({ runId: args.runId, status: 'Cancelled' }),
      store.findRun(args.runId),
    ]);

    expect([first.kind, found?.status, end, gone]).toEqual(['created', 'Scheduled', 'finalized', undefined]);
  });
});

describe('kill -9', () => {
  test('loses nothing that was answered', { timeout: 60_000 }, async () => {
    const path = aFolder();
    const answered: string[] = [];

    for (const answersMax of ANSWERS_BEFORE_KILL) answered.push(...(await writeUntilKilled(path, answersMax)));

    const store = await openIn(path);
    const found = await Promise.all(answered.map((runId) => store.findRun(runId)));
    expect(found.filter((run) => run === undefined)).toEqual([]);
    expect(await store.checkInvariants()).toEqual([]);
    expect(await store.expireLeases()).toBeGreaterThan(0);
  });
});

describe('after power has failed', () => {
  test('all that was durable is there, whatever else of the log reached the disk', async () => {
    const path = aFolder();
    const store = await openIn(path);
    const play = new Player(store, testClock());
    const durable = await createMany(play, 60);
    await store.durable();
    const flushed = readFileSync(join(path, LOG));
    await createMany(play, 120);
    const latest = readFileSync(join(path, LOG));
    expect(latest.length).toBeGreaterThan(flushed.length);

    for (let seed = 1; seed <= 10; seed++) {
      const crashed = aFolder();
      writeFileSync(join(crashed, FILE), readFileSync(join(path, FILE)));
      writeFileSync(join(crashed, LOG), tornLog(flushed, latest, aRandom(seed)));

      const restored = await openIn(crashed);

      const found = await Promise.all(durable.map((runId) => restored.findRun(runId)));
      expect(found.filter((run) => run === undefined)).toEqual([]);
      expect(await restored.checkInvariants()).toEqual([]);
      await restored.close();
    }
  });
});

describe('the log', () => {
  test(
    'is moved into the database before it grows long, and nothing is lost by that',
    { timeout: 60_000 },
    async () => {
      const path = aFolder();
      const store = await openIn(path);
      const play = new Player(store, testClock());
      const events = JSON.stringify([{ data: 'x'.repeat(100_000) }]);
      let longest = 0;
      let restarts = 0;

      for (let length = 0, round = 0; restarts < 2 && round < 100; round++) {
        await Promise.all(Array.from({ length: 20 }, () => play.create({ events })));
        const now = readFileSync(join(path, LOG)).length;
        if (now < length) restarts += 1;
        length = now;
        longest = Math.max(longest, length);
      }

      expect(restarts).toBe(2);
      expect(longest).toBeLessThan(100 * 1024 * 1024);
      expect(await store.checkInvariants()).toEqual([]);
      await store.close();
      const again = await openIn(path);
      expect(await again.checkInvariants()).toEqual([]);
    },
  );
});

function setLayout(path: string, layout: number): void {
  const db = new DatabaseSync(join(path, FILE));
  db.exec(`PRAGMA user_version = ${layout}`);
  db.close();
}

function layoutOf(path: string): unknown {
  const db = new DatabaseSync(join(path, FILE));
  const row = db.prepare('PRAGMA user_version').get();
  db.close();
  return row?.['user_version'];
}

async function createMany(play: Player, count: number): Promise<string[]> {
  const runIds: string[] = [];
  for (let i = 0; i < count; i++) runIds.push(await play.create());
  return runIds;
}

/** Uniform numbers in [0, 1), the same for the same seed. */
function aRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

/** The log on a disk that lost power: what was flushed, and of the rest any page or zeros. */
function tornLog(flushed: Buffer, latest: Buffer, random: () => number): Buffer {
  const torn = Buffer.from(latest);
  for (let at = flushed.length; at < torn.length; at += PAGE_BYTES) {
    if (random() < 0.1) torn.fill(0, at, Math.min(at + PAGE_BYTES, torn.length));
  }
  return torn;
}

/** Runs a process that schedules, claims and advances as fast as it can, and kills it after so many answers. */
async function writeUntilKilled(path: string, answersMax: number): Promise<string[]> {
  const script = fileURLToPath(new URL('testing/writer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions', 'perdure-source', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const answered: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    answered.push(line);
    if (answered.length === answersMax) child.kill('SIGKILL');
  }
  expect(answered.length).toBeGreaterThanOrEqual(answersMax);
  return answered;
}
