import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { testClock } from '@perdure/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Player } from '../../contract/player.ts';
import { describeStore } from '../../store.contract.ts';
import type { Store } from '../../store.ts';
import { openEmbeddedStore } from './embedded-store.ts';

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
      damage(join(path, 'data.mdb'));

      await expect(openEmbeddedStore({ path, clock: testClock() })).rejects.toMatchObject({ code: 'FOLDER_CORRUPT' });
    }
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
