import { expect, test } from 'vitest';
import type { JsonValue } from '@perdure/domain';
import { canonicalJson } from '../json/canonical-json.ts';
import { readOp } from './read-op.ts';

const BASE = { hash: 'h', displayName: 'My step', isRace: false };

function read(op: string, fields: { [key: string]: JsonValue } = {}): unknown {
  return readOp({ op, id: 'h', displayName: 'My step', ...fields });
}

test('[P54] the memo of a step is its data, null when there is none', () => {
  expect(read('StepRun', { data: { b: 1, a: 2 } })).toEqual({
    kind: 'step-done',
    ...BASE,
    memo: '{"data":{"a":2,"b":1}}',
  });
  expect(read('StepRun')).toMatchObject({ memo: '{"data":null}' });
  expect(read('StepRun', { data: null })).toMatchObject({ memo: '{"data":null}' });
});

test('[P55] the memo of a legacy Step is its bare data', () => {
  expect(read('Step', { data: { event_ids: ['x'] } })).toMatchObject({
    kind: 'step-done',
    memo: '{"event_ids":["x"]}',
  });
  expect(read('Step')).toMatchObject({ memo: 'null' });
});

test('the memo of a failure is its error without the mark of the SDK, nested marks kept', () => {
  const error = { name: 'E', message: 'm', stack: 's', __serialized: true, cause: { __serialized: true, name: 'C' } };
  const memo = '{"error":{"cause":{"__serialized":true,"name":"C"},"message":"m","name":"E","stack":"s"}}';

  expect(read('StepFailed', { error, data: 'ignored' })).toMatchObject({ kind: 'step-failed', memo });
  expect(read('StepError', { error })).toMatchObject({ kind: 'step-error', memo, error: { name: 'E', message: 'm' } });
});

test('an error memo always has a string name and message', () => {
  expect(read('StepError', { error: { message: 'm' } })).toMatchObject({ memo: '{"error":{"message":"m","name":""}}' });
  expect(read('StepError', { error: { name: 5, message: null } })).toMatchObject({
    memo: '{"error":{"message":"","name":""}}',
  });
});

test('an output above 4 MiB is a step failure that user code can catch, one of 4 MiB is stored', () => {
  const largest = 'x'.repeat(4 * 1024 * 1024 - 2);

  expect(read('StepRun', { data: largest })).toMatchObject({ kind: 'step-done' });
  expect(read('StepRun', { data: `${largest}x` })).toEqual({
    kind: 'step-failed',
    ...BASE,
    error: {
      name: 'output_too_large',
      message: 'The output of step "My step" is larger than 4194304 bytes',
      data: null,
    },
    memo: canonicalJson({
      error: {
        name: 'output_too_large',
        message: 'The output of step "My step" is larger than 4194304 bytes',
        data: null,
      },
    }),
  });
  expect(read('StepError', { error: { name: 'E', message: largest } })).toMatchObject({
    kind: 'step-failed',
    error: { name: 'output_too_large' },
  });
});

test('the duration of a sleep is in opts, else in the name', () => {
  expect(read('Sleep', { name: '1s' })).toMatchObject({ kind: 'sleep', duration: '1s' });
  expect(read('Sleep', { name: 'my sleep', opts: { duration: '2h' } })).toMatchObject({ duration: '2h' });
  expect(read('Sleep')).toMatchObject({ duration: '' });
});

test('a wait for an event has the event in opts, else in the name', () => {
  const opts = { event: 'a/b', timeout: '30s', if: 'async.data.id == event.data.id' };

  expect(read('WaitForEvent', { name: 'x', opts })).toEqual({
    kind: 'wait-for-event',
    ...BASE,
    event: 'a/b',
    timeout: '30s',
    if: opts.if,
  });
  expect(read('WaitForEvent', { name: 'x', opts: { timeout: '', if: null } })).toEqual({
    kind: 'wait-for-event',
    ...BASE,
    event: 'x',
    timeout: '',
  });
});

test('an invoke names its function, payload and timeout', () => {
  const opts = { function_id: 'app-fn', payload: { data: { n: 1 } }, timeout: '1h' };

  expect(read('InvokeFunction', { opts })).toEqual({
    kind: 'invoke',
    ...BASE,
    functionId: 'app-fn',
    payload: { data: { n: 1 } },
    timeout: '1h',
  });
  expect(read('InvokeFunction', { opts: { function_id: 'f', payload: null } })).toEqual({
    kind: 'invoke',
    ...BASE,
    functionId: 'f',
    payload: {},
  });
});

test('a wait for a signal fails on conflict and lasts a year unless it says otherwise', () => {
  expect(read('WaitForSignal', { opts: { signal: 's', timeout: '1m', conflict: 'replace' } })).toEqual({
    kind: 'wait-for-signal',
    ...BASE,
    signal: 's',
    timeout: '1m',
    conflict: 'replace',
  });
  expect(read('WaitForSignal', { opts: { signal: 's' } })).toMatchObject({ timeout: '365d', conflict: 'fail' });
});

test('the other ops', () => {
  expect(read('StepPlanned')).toEqual({ kind: 'step-planned', ...BASE });
  expect(read('DiscoveryRequest')).toEqual({ kind: 'discover', ...BASE });
  expect(read('RunComplete', { data: { b: 1, a: 2 } })).toEqual({
    kind: 'run-complete',
    ...BASE,
    output: '{"a":2,"b":1}',
  });
  expect(read('SyncRunComplete', {})).toMatchObject({ kind: 'run-complete', output: 'null' });
  expect(read('DeferAdd', { opts: { fn_slug: 'f', input: { a: 1 }, meta: { m: 1 } } })).toEqual({
    kind: 'defer-add',
    ...BASE,
    functionSlug: 'f',
    input: { a: 1 },
    meta: { m: 1 },
  });
  expect(read('DeferAbort', { opts: { target_hashed_id: 't' } })).toEqual({
    kind: 'defer-abort',
    ...BASE,
    targetHash: 't',
  });
  expect(readOp({ op: 'None' })).toEqual({ kind: 'none' });
});

test('metadata of a step comes along, with the name that the user gave the step', () => {
  const item = { kind: 'userland.default', op: 'set', values: { k: 1 } };
  const metadata = [{ ...item, scope: 'step' }];

  expect(read('StepRun', { data: 1, userland: { id: 'mine' }, metadata })).toMatchObject({
    kind: 'step-done',
    metadata: [{ ...item, target: { step_id: 'mine' }, isOfAttempt: false }],
  });
  expect(read('StepRun', { data: 1, metadata: [] })).not.toHaveProperty('metadata');
});

test('a step is shown by its display name, else its name, else its hash', () => {
  expect(readOp({ op: 'StepPlanned', id: 'h', displayName: 'd', name: 'n' })).toMatchObject({ displayName: 'd' });
  expect(readOp({ op: 'StepPlanned', id: 'h', displayName: null, name: 'n' })).toMatchObject({ displayName: 'n' });
  expect(readOp({ op: 'StepPlanned', id: 'h', name: '' })).toMatchObject({ displayName: 'h' });
});

test('a race is marked', () => {
  expect(read('StepPlanned', { opts: { parallelMode: 'race' } })).toMatchObject({ isRace: true });
});

test("[P96] the SDK's own fields beside an op are ignored", () => {
  const extras = { mode: 'sync', rawArgs: [1], hashedId: 'h', promise: {}, fulfilled: true, userland: { id: 'a' } };

  expect(read('StepRun', { data: 1, ...extras })).toEqual(read('StepRun', { data: 1 }));
});
