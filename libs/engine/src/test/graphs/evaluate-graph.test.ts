import { expect, test } from 'vitest';
import { evaluate, type Found, type Progress } from './evaluate-graph.ts';
import { aRace, aStep, all, caught, sequence } from './graph-builders.ts';
import type { Node } from './step-graph.ts';

/** `stack`: steps that have ended, in order; a name with `!` has failed. */
function play(root: Node, ...stack: string[]): Progress & { found: string } {
  const found: Found[] = [];
  const progress = evaluate(
    root,
    ({ id }) => {
      const at = stack.findIndex((name) => name === id || name === `${id}!`);
      if (at === -1) return undefined;
      return stack[at] === id ? { at, text: id } : { at, error: `${id} failed` };
    },
    found,
  );
  return { ...progress, found: found.map(({ step, isRace }) => (isRace ? `${step.id}*` : step.id)).join('') };
}

test('a sequence asks for one step after the other', () => {
  const root = sequence(aStep('a'), aStep('b'));

  expect(play(root)).toEqual({ kind: 'pending', found: 'a' });
  expect(play(root, 'a')).toEqual({ kind: 'pending', found: 'b' });
  expect(play(root, 'a', 'b')).toEqual({ kind: 'returned', text: 'a,b', at: 1, found: '' });
});

test('parallel parts are asked for together, and each goes on by itself', () => {
  const root = all(sequence(aStep('a'), aStep('b')), aStep('c'));

  expect(play(root)).toMatchObject({ found: 'ac' });
  expect(play(root, 'a')).toMatchObject({ found: 'bc' });
  expect(play(root, 'a', 'c', 'b')).toMatchObject({ kind: 'returned', text: '[a,b c]', at: 2 });
});

test('the first failure of parallel parts is theirs', () => {
  const root = all(aStep('a'), aStep('b'), aStep('c'));

  expect(play(root, 'c!', 'a!')).toMatchObject({ kind: 'threw', error: 'c failed', at: 0, found: 'b' });
});

test('a race is won by what is first on the stack, and its losers go on', () => {
  const root = sequence(aRace(sequence(aStep('a'), aStep('b')), aStep('c')), aStep('d'));

  expect(play(root)).toMatchObject({ found: 'a*c*' });
  expect(play(root, 'a')).toMatchObject({ found: 'b*c*' });
  expect(play(root, 'c', 'a')).toMatchObject({ found: 'b*d' });
  expect(play(root, 'c', 'a', 'b', 'd')).toMatchObject({ kind: 'returned', text: 'c,d' });
});

test('what is caught is a value', () => {
  expect(play(caught(aStep('a')), 'a!')).toMatchObject({ kind: 'returned', text: '(a failed)' });
});
