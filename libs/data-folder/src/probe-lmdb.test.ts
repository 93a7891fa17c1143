import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { probeLmdb } from './probe-lmdb.ts';

const PAGE_BYTES = 4096;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-probe-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function writeDatabase(): Promise<void> {
  const root = open<string, string>({ path: folder, overlappingSync: false });
  const database = root.openDB<string, string>({ name: 'entries' });
  await root.batch(() => {
    for (let i = 0; i < 2_000; i++) void database.put(`key ${i}`, 'value '.repeat(30));
  });
  await root.close();
}

function damage(change: (file: number, bytes: number) => void): void {
  const path = join(folder, 'data.mdb');
  const file = openSync(path, 'r+');
  change(file, statSync(path).size);
  closeSync(file);
}

test('a folder without a database, with an empty one and with an intact one pass', async () => {
  await probeLmdb(folder);
  writeFileSync(join(folder, 'data.mdb'), '');
  await probeLmdb(folder);
  await writeDatabase();

  await expect(probeLmdb(folder)).resolves.toBeUndefined();
});

test.each<[string, (file: number, bytes: number) => void]>([
  ['cut in half', (file, bytes) => ftruncateSync(file, Math.floor(bytes / 2))],
  ['cut to a few bytes', (file) => ftruncateSync(file, 100)],
  ['without its head', (file) => writeSync(file, Buffer.alloc(2 * PAGE_BYTES, 'z'), 0, 2 * PAGE_BYTES, 0)],
  [
    'overwritten behind its head',
    (file, bytes) =>
      writeSync(file, Buffer.alloc(bytes - 2 * PAGE_BYTES, 'z'), 0, bytes - 2 * PAGE_BYTES, 2 * PAGE_BYTES),
  ],
])('a file %s is reported as damaged, and this process lives', async (_what, change) => {
  await writeDatabase();
  damage(change);

  await expect(probeLmdb(folder)).rejects.toMatchObject({
    code: 'FOLDER_CORRUPT',
    message: expect.stringMatching(/^the folder \S+ is damaged \(.+\): restore it from a backup, or remove it/),
  });
});
