import type { JsonObject } from '@perdure/domain';
import { expect, test } from 'vitest';
import { mergeMetadata } from './merge-metadata.ts';
import { parseMetadata } from './parse-metadata.ts';

const RUN = '01KAZZZZZZZZZZZZZZZZZZZZZZ';
const item = { kind: 'userland.x', op: 'merge', values: { a: 1 } };
const parse = (metadata: unknown, target: unknown = { run_id: RUN }) =>
  parseMetadata(JSON.stringify({ target, metadata }), RUN);

test('a request names what of the run it is about', () => {
  const target = { run_id: RUN, step_id: 's', step_index: 0, step_attempt: 1, span_id: 'x', other: true };

  expect(parse([item], target)).toEqual({
    ok: true,
    target: { step_id: 's', step_index: 0, step_attempt: 1, span_id: 'x' },
    items: [item],
  });
  expect(parse([item], undefined)).toMatchObject({ ok: true, target: {} });
});

test.each([
  [[], 400],
  [[{ ...item, op: 'replace' }], 400],
  [[{ ...item, kind: '' }], 400],
  [[{ ...item, kind: 'inngest.other' }], 403],
  [[{ ...item, values: [] }], 400],
  [[{ ...item, values: { a: 'x'.repeat(70_000) } }], 413],
  [[{ kind: 'inngest.score', op: 'merge', values: { q: { value: 'high' } } }], 400],
  ['metadata', 400],
] as const)('%j is refused with %d', (metadata, status) => {
  expect(parse(metadata)).toMatchObject({ ok: false, status });
});

test('a score is a number, true or false', () => {
  const values = { q: { value: 0.5 }, ok: { value: true } };

  expect(parse([{ kind: 'inngest.score', op: 'merge', values }])).toMatchObject({ ok: true });
});

test.each([{ run_id: 'other' }, { step_index: 'one' }, { step_id: 1 }, []])('the target %j is refused', (target) => {
  expect(parse([item], target)).toMatchObject({ ok: false, status: 400 });
});

test('updates come to what their ops say, apart by target and kind', () => {
  const update = (op: 'merge' | 'set' | 'delete' | 'add', values: JsonObject, target: JsonObject = {}) => ({
    target,
    kind: 'userland.x',
    op,
    values,
  });

  const merged = mergeMetadata([
    update('set', { a: 1, b: 1 }),
    update('merge', { b: 2, c: 3 }),
    update('add', { a: 4, d: 1 }),
    update('delete', { c: null }),
    update('set', { other: true }, { step_id: 's' }),
    update('set', { gone: true }, { step_id: 't' }),
    update('delete', {}, { step_id: 't' }),
  ]);

  expect(merged).toEqual([
    { target: {}, kind: 'userland.x', values: { a: 5, b: 2, d: 1 } },
    { target: { step_id: 's' }, kind: 'userland.x', values: { other: true } },
  ]);
});
