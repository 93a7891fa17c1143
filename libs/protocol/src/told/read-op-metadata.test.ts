import { expect, test } from 'vitest';
import { METADATA_BYTES_MAX, readMetadataItem, readOpMetadata } from './read-op-metadata.ts';

const ITEM = { kind: 'userland.default', op: 'set', values: { k: 1 } };

test('metadata has a kind, what is done, and values', () => {
  expect(readMetadataItem({ ...ITEM, scope: 'step', other: 1 })).toEqual({ ok: true, item: ITEM });
  expect(readMetadataItem({ kind: 'inngest.score', op: 'merge' })).toMatchObject({ ok: true, item: { values: {} } });
});

test.each([
  [1, ''],
  [{ ...ITEM, kind: 'inngest.other' }, 'kind'],
  [{ ...ITEM, kind: 'userland.' }, 'kind'],
  [{ ...ITEM, kind: `userland.${'é'.repeat(60)}` }, 'kind'],
  [{ ...ITEM, op: 'replace' }, 'op'],
  [{ ...ITEM, values: [1] }, 'values'],
  [{ ...ITEM, values: { text: 'x'.repeat(METADATA_BYTES_MAX) } }, 'values'],
])('%j is refused for its "%s"', (value, field) => {
  expect(readMetadataItem(value)).toMatchObject({ ok: false, field });
});

test('the metadata of an op is about its step, the attempt or the run; what is malformed is passed over', () => {
  const scoped = (scope: string) => ({ ...ITEM, scope });
  const op = {
    userland: { id: 'mine', index: 2 },
    metadata: [scoped('step'), 7, scoped('step_attempt'), scoped('run')],
  };

  expect(readOpMetadata(op, 'name')).toEqual([
    { ...ITEM, target: { step_id: 'mine', step_index: 2 }, isOfAttempt: false },
    { ...ITEM, target: { step_id: 'mine', step_index: 2 }, isOfAttempt: true },
    { ...ITEM, target: {}, isOfAttempt: false },
  ]);
  expect(readOpMetadata({ metadata: [scoped('step')] }, 'name')).toMatchObject([{ target: { step_id: 'name' } }]);
  expect(readOpMetadata({ metadata: 'none' }, 'name')).toEqual([]);
});
