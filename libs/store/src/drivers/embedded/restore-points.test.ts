import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testClock } from '@perdure/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Player } from '../../contract/player.ts';
import type { Store } from '../../store.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { encodeRestorePoint, readRestorePoint } from './restore-point.ts';

const PAGE_BYTES = 4096;
const DATA = 'data.mdb';
const POINTS = 'restore-points';

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-restore-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Uniform numbers in [0, 1), the same for the same seed. */
function aRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

/** The disk after power failed: of what changed since the flush, any page may have been written or not. */
function tornDisk(flushed: Buffer, latest: Buffer, random: () => number): Buffer {
  const torn = Buffer.alloc(Math.max(flushed.length, latest.length));
  for (let at = 0; at < torn.length; at += PAGE_BYTES) {
    const source = random() < 0.5 ? flushed : latest;
    if (at < source.length) source.copy(torn, at, at, at + PAGE_BYTES);
  }
  return torn;
}

/** The points file as if the machine had been started again since. */
function ofEarlierBoot(file: string): Buffer {
  const point = readRestorePoint(file);
  if (point === undefined) throw new Error('there is a restore point');
  const { bytes, offset } = encodeRestorePoint({ ...point, boot: 'an earlier one' });
  return Buffer.concat([Buffer.alloc(offset), bytes]);
}

async function writeMuch(play: Player, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: 20 }, () => play.create()));
    const jobs = await play.claim(20);
    await Promise.all(jobs.slice(0, 15).map((job) => play.complete(job)));
    await play.drainOutbox();
  }
}

async function openIn(path: string): Promise<Store> {
  const store = await openEmbeddedStore({ path, clock: testClock() });
  onTestFinished(() => store.close());
  return store;
}

describe('after power has failed', () => {
  test('the store is what it was when it was durable last, whatever pages were written since', async () => {
    // No point is taken but when the test asks, however slow the machine.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const path = aFolder();
    const store = await openIn(path);
    const play = new Player(store, testClock());
    await writeMuch(play, 5);
    await store.durable();
    const flushed = readFileSync(join(path, DATA));
    const points = ofEarlierBoot(join(path, POINTS));
    const expected = await store.dump();
    await writeMuch(play, 20);
    const latest = readFileSync(join(path, DATA));
    expect(latest.equals(flushed)).toBe(false);

    for (let seed = 1; seed <= 8; seed++) {
      const crashed = aFolder();
      writeFileSync(join(crashed, DATA), tornDisk(flushed, latest, aRandom(seed)));
      writeFileSync(join(crashed, POINTS), points);

      const restored = await openIn(crashed);

      expect(await restored.dump()).toEqual(expected);
      expect(await restored.checkInvariants()).toEqual([]);
      await restored.close();
    }
  });

  test('a point that was torn itself gives way to the one before', async () => {
    const path = aFolder();
    const store = await openIn(path);
    const play = new Player(store, testClock());
    await play.create();
    await store.durable();
    const before = readRestorePoint(join(path, POINTS))!;
    await play.create();
    await store.durable();
    const file = readFileSync(join(path, POINTS));
    const { offset } = encodeRestorePoint({ ...before, serial: before.serial + 1 });
    file.fill(0xff, offset + 1000, offset + 1100);
    const torn = join(aFolder(), POINTS);
    writeFileSync(torn, file);

    expect(readRestorePoint(torn)).toEqual(before);
  });

  test('nothing is restored while the machine has been up', async () => {
    const path = aFolder();
    const store = await openIn(path);
    const play = new Player(store, testClock());
    await store.durable();
    const runId = await play.create();
    // As after kill -9: the page cache has it, no point knows it.
    const killed = join(aFolder(), 'killed');
    mkdirSync(killed);
    for (const file of [DATA, POINTS]) copyFileSync(join(path, file), join(killed, file));

    const again = await openIn(killed);

    expect(await again.findRun(runId)).toBeDefined();
  });
});

describe('durable', () => {
  test('takes one point for all who ask at a time, and none when nothing was written', async () => {
    const path = aFolder();
    const store = await openIn(path);
    const play = new Player(store, testClock());
    const serial = (): number => readRestorePoint(join(path, POINTS))?.serial ?? 0;
    await store.durable();
    const first = serial();
    await store.durable();
    expect(serial()).toBe(first);

    await play.create();
    await Promise.all(Array.from({ length: 50 }, () => store.durable()));

    expect(serial() - first).toBeLessThanOrEqual(2);
    expect(existsSync(join(path, POINTS))).toBe(true);
  });
});
