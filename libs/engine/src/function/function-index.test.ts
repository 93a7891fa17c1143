import { aFunction } from '@perdure/testing';
import { expect, test } from 'vitest';
import { FunctionIndex } from './function-index.ts';

const event = (name: string, expression?: string) =>
  expression === undefined
    ? { kind: 'event' as const, event: name }
    : { kind: 'event' as const, event: name, expression };

test('[E11] a function with an exact and a wildcard trigger is a candidate once, with both', () => {
  const fn = aFunction({ triggers: [event('app/*', 'event.data.a == 1'), event('app/user.created')] });
  const index = new FunctionIndex([fn], []);

  const candidates = index.candidates('app/user.created');

  expect(candidates).toHaveLength(1);
  expect(candidates[0]?.triggers.map((trigger) => trigger.pattern).toSorted()).toEqual(['app/*', 'app/user.created']);
});

test('[P20] an archived function matches nothing, and is found for its runs in flight', () => {
  const fn = aFunction({ triggers: [event('app/x')] });
  const index = new FunctionIndex([], [fn]);

  expect(index.candidates('app/x')).toEqual([]);
  expect(index.findById(fn.id)).toBe(fn);
  expect(index.findBySlug(fn.slug)).toBeUndefined();
});

test('[P13] a function without triggers is registered and never matches', () => {
  const fn = aFunction({ triggers: [] });
  const index = new FunctionIndex([fn], []);

  expect(index.active()).toEqual([fn]);
  expect(index.candidates('anything')).toEqual([]);
});
