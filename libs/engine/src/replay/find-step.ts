import { hash as digest } from 'node:crypto';
import type { KeptMemo } from './kept-memos.ts';

/**
 * The step of this name, or of this hash. SDKs hash a step's name, and name and number of one whose name was used before
 * (`name:1`, `name:2` ...): a name that several steps share names none of them.
 */
export function findStep(
  memos: readonly KeptMemo[],
  step: string,
): { kind: 'step'; index: number } | { kind: 'step-unknown' | 'step-ambiguous' } {
  const indexOf = (hash: string): number => memos.findIndex((memo) => memo.hash === hash);
  const byHash = indexOf(step);
  if (byHash !== -1) return { kind: 'step', index: byHash };
  const index = indexOf(digest('sha1', step));
  if (index === -1) return { kind: 'step-unknown' };
  return indexOf(digest('sha1', `${step}:1`)) === -1 ? { kind: 'step', index } : { kind: 'step-ambiguous' };
}
