import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { lockFolder } from './lock-folder.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-lock-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a folder is created when there is none, and locked for one at a time', () => {
  const path = join(folder, 'new', 'deep');

  const lock = lockFolder(path);

  expect(() => lockFolder(path)).toThrow(/is in use by another process/);
  lock.release();
  lock.release();
  lockFolder(path).release();
});

test('the lock of a process that was killed is free at once', async () => {
  const source = `
    import { lockFolder } from ${JSON.stringify(new URL('./lock-folder.ts', import.meta.url).href)};
    lockFolder(${JSON.stringify(folder)});
    process.stdout.write('locked');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['-C', 'perdure-source', '--input-type=module', '-e', source]);
  await once(child.stdout, 'data');

  expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: 'FOLDER_LOCKED' }));
  child.kill('SIGKILL');
  await once(child, 'close');

  lockFolder(folder).release();
});

test('what is not a folder is reported with its path', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');

  expect(() => lockFolder(file)).toThrow(
    expect.objectContaining({ code: 'FOLDER_NOT_WRITABLE', facts: { path: file } }),
  );
});
