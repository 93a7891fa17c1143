import { expect, test } from 'vitest';
import { splitText } from './split-text.ts';

test.each(['', 'a', 'abcd', 'abcde', 'ä€😀ä€😀', '😀😀', 'x\ud83d'])('%j in pieces of at most 4 bytes', (text) => {
  const pieces = splitText(text, 4);

  expect(pieces.join('')).toBe(text);
  for (const piece of pieces) expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(4);
  expect(pieces).not.toContain('');
});

test('no character is divided', () => {
  expect(splitText('ab😀€', 5)).toEqual(['ab', '😀', '€']);
});
