import { expect, test } from 'vitest';
import { Choices } from './choices.ts';

test('once the list is over each choice is the first', () => {
  const choices = new Choices([7, 3]);

  expect([choices.next(5), choices.pick(['a', 'b']), choices.areOver]).toEqual([2, 'b', true]);
  expect([choices.next(5), choices.pick(['a', 'b']), choices.pick([])]).toEqual([0, 'a', undefined]);
});
