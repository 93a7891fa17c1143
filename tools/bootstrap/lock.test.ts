import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withBuildLock } from './lock.mjs';

let folder: string;
let lockPath: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-lock-'));
  lockPath = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the lock names its owner while the work runs, and is gone afterwards', async () => {
  const owner = await withBuildLock(async () => readFileSync(lockPath, 'utf8'), lockPath);

  expect(owner).toBe(String(process.pid));
  expect(existsSync(lockPath)).toBe(false);
});

test('the lock is released when the work fails', async () => {
  await expect(withBuildLock(() => Promise.reject(new Error('no disk')), lockPath)).rejects.toThrow('no disk');

  expect(existsSync(lockPath)).toBe(false);
});

test('a second owner waits for the first', async () => {
  const order: string[] = [];
  const { promise: firstMayEnd, resolve: endFirst } = Promise.withResolvers<void>();
  const first = withBuildLock(async () => {
    order.push('first starts');
    await firstMayEnd;
    order.push('first ends');
  }, lockPath);
  const second = withBuildLock(async () => void order.push('second'), lockPath);

  endFirst();
  await Promise.all([first, second]);

  expect(order).toEqual(['first starts', 'first ends', 'second']);
});

test('the lock of a process that no longer exists is taken over', async () => {
  const { pid } = spawnSync(process.execPath, ['--eval', '']);
  writeFileSync(lockPath, String(pid));

  expect(await withBuildLock(async () => 'done', lockPath)).toBe('done');
});
