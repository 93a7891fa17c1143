import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesBelow, unlessUnchanged } from './stamp.mjs';

let folder: string;
let runs: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-stamp-'));
  runs = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const work = async () => void runs++;
const step = (isComplete = true) => ({
  stampPath: join(folder, 'results', '.stamp'),
  inputs: [join(folder, 'a.txt'), join(folder, 'absent.txt')],
  isComplete: () => isComplete,
});

test('work is done once for the same inputs, and again when one changes', async () => {
  writeFileSync(join(folder, 'a.txt'), 'one');
  await unlessUnchanged(step(), work);
  await unlessUnchanged(step(), work);
  expect(runs).toBe(1);

  writeFileSync(join(folder, 'a.txt'), 'two');
  await unlessUnchanged(step(), work);
  expect(runs).toBe(2);
});

test('work is done again when its results are gone', async () => {
  await unlessUnchanged(step(), work);
  await unlessUnchanged(step(false), work);
  expect(runs).toBe(2);

  rmSync(join(folder, 'results'), { recursive: true });
  await unlessUnchanged(step(), work);
  expect(runs).toBe(3);
});

test('work that failed is tried again', async () => {
  const failure = unlessUnchanged(step(), () => Promise.reject(new Error('disk full')));
  await expect(failure).rejects.toThrow('disk full');

  await unlessUnchanged(step(), work);

  expect(runs).toBe(1);
});

test('files below a folder are found, without those in folders that are not wanted', () => {
  mkdirSync(join(folder, 'src', 'dist'), { recursive: true });
  for (const path of ['src/a.ts', 'src/dist/a.js', 'b.md']) writeFileSync(join(folder, path), '');

  const found = filesBelow(folder, (path) => !/\/dist$|\.md$/.test(path));

  expect(found).toEqual([join(folder, 'src/a.ts')]);
  expect(filesBelow(join(folder, 'absent'), () => true)).toEqual([]);
});
