import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

import { expect, test } from 'vitest';

import { decodeBody } from './decode-body.ts';

const TEXT = 'hello, hello, hello';
const BYTES_MAX = 1_000;

test.each([
  ['gzip', gzipSync(TEXT)],
  ['X-Gzip', gzipSync(TEXT)],
  ['br', brotliCompressSync(TEXT)],
  ['deflate', deflateSync(TEXT)],
  ['deflate', deflateRawSync(TEXT)],
  ['identity', Buffer.from(TEXT)],
  ['', Buffer.from(TEXT)],
  ['gzip, br', brotliCompressSync(gzipSync(TEXT))],
])('content encoding "%s" is undone', async (encoding, bytes) => {
  const decoded = await decodeBody(bytes, encoding, BYTES_MAX);

  expect(decoded).toEqual({ kind: 'decoded', bytes: Buffer.from(TEXT) });
});

test('[P43] a small body that unpacks to more than the cap is too large', async () => {
  const bomb = gzipSync(Buffer.alloc(BYTES_MAX + 1));

  expect(await decodeBody(bomb, 'gzip', BYTES_MAX)).toEqual({ kind: 'too-large' });
  expect(await decodeBody(gzipSync(Buffer.alloc(BYTES_MAX)), 'gzip', BYTES_MAX)).toMatchObject({ kind: 'decoded' });
});

test('bytes that are not what the header says, and codings we do not know, are broken', async () => {
  expect(await decodeBody(Buffer.from(TEXT), 'gzip', BYTES_MAX)).toEqual({
    kind: 'broken',
    why: 'incorrect header check',
  });
  expect(await decodeBody(gzipSync(TEXT).subarray(0, 12), 'gzip', BYTES_MAX)).toMatchObject({ kind: 'broken' });
  expect(await decodeBody(Buffer.from(TEXT), 'zstd', BYTES_MAX)).toMatchObject({ kind: 'broken' });
});
