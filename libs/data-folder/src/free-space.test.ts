import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';

import { checkFreeSpace, diskFullError } from './free-space.ts';

test('a disk with less room than needed is full, and the sentence says how much there is', async () => {
  const checking = checkFreeSpace(tmpdir(), Number.MAX_SAFE_INTEGER);

  await expect(checking).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: expect.stringMatching(/^the disk of \S+ is full: \d+\.\d MiB are free, \d+ MiB are needed$/),
  });
});

test('a failed write is not blamed on a disk that has room', async () => {
  expect(await diskFullError(tmpdir(), new Error('input/output error'), 0)).toBeUndefined();
});
