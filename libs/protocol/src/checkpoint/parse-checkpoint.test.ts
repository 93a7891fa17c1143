import { expect, test } from 'vitest';
import { queueItemRef } from '../call/queue-item-ref.ts';
import { parseCheckpoint } from './parse-checkpoint.ts';

const RUN = '01M7XK68F0ZKFAGN56BY890HZ8';
const LEASE = { jobId: 'job', token: 'token' };
const STEP = {
  id: '86f7',
  op: 'StepRun',
  name: 'a',
  displayName: 'a',
  userland: { id: 'a' },
  opts: {},
  data: { x: 1 },
};

function body(more: object = {}): object {
  return {
    run_id: RUN,
    fn_id: 'fn-uuid',
    qi_id: queueItemRef(LEASE),
    request_id: '01M7XK68JPV8BN9SERD0GCB539',
    generation_id: 1,
    request_started_at: 1_795_215_816_385,
    steps: [STEP],
    ts: 1_795_215_816_398,
    ...more,
  };
}

test('progress of a call: run, lease, generation and what is to be saved, in order', () => {
  const legacy = { id: 'b', op: 'Step', data: [1], opts: { parallelMode: 'race' } };

  expect(parseCheckpoint(body({ steps: [STEP, legacy] }), RUN)).toEqual({
    ok: true,
    runId: RUN,
    functionId: 'fn-uuid',
    lease: LEASE,
    generation: 1,
    saves: [
      { hash: '86f7', memo: '{"data":{"x":1}}', isRace: false },
      { hash: 'b', memo: '[1]', isRace: true },
    ],
    defers: [],
    metadata: [],
  });
});

test('[P96] what the SDK keeps to itself is ignored, what is planned changes nothing, deferred runs are told', () => {
  const internals = { ...STEP, mode: 'sync', hashedId: '86f7', fulfilled: true, middleware: {}, promise: {} };
  const planned = { id: 'p', op: 'StepPlanned' };
  const defer = { id: 'd', op: 'DeferAdd', opts: { fn_slug: 'f', input: {} } };

  expect(parseCheckpoint(body({ steps: [internals, planned, defer] }), RUN)).toMatchObject({
    ok: true,
    saves: [{ hash: '86f7' }],
    defers: [{ kind: 'defer-add', hash: 'd' }],
  });
});

test('the generation may be missing', () => {
  const parsed = parseCheckpoint(body({ generation_id: null, fn_id: null }), RUN);

  expect(parsed).toMatchObject({ ok: true });
  expect(parsed).not.toHaveProperty('generation');
});

test.each<[object | null, string]>([
  [null, ''],
  [[], ''],
  [body({ run_id: 'other' }), 'run_id'],
  [body({ qi_id: null }), 'qi_id'],
  [body({ qi_id: 'M2FldG41dGlzdnIzaTo6ZGVmYXVsdA==' }), 'qi_id'],
  [body({ generation_id: 'one' }), 'generation_id'],
  [body({ steps: null }), 'steps'],
  [body({ steps: Array.from({ length: 1001 }, () => STEP) }), 'steps'],
  [body({ steps: [null] }), 'steps[0]'],
  [body({ steps: [STEP, { op: 'StepRun' }] }), 'steps[1].id'],
  [body({ steps: [{ id: 'a', op: 'Nonsense' }] }), 'steps[0].op'],
  [body({ steps: [{ id: 'a', op: 'Sleep', name: '1s' }] }), 'steps[0].op'],
  [body({ steps: [{ id: 'a', op: 'StepError', error: {} }] }), 'steps[0].op'],
  [body({ steps: [{ id: 'a', op: 'StepFailed', error: {} }] }), 'steps[0].op'],
  [body({ steps: [{ id: 'a', op: 'RunComplete' }] }), 'steps[0].op'],
])('%j is refused with 400 and names %s', (sent, field) => {
  expect(parseCheckpoint(sent, RUN)).toMatchObject({ ok: false, status: 400, field, error: expect.any(String) });
});

test('an output that is too large is refused with 413', () => {
  const step = { ...STEP, data: 'x'.repeat(4 * 1024 * 1024) };

  expect(parseCheckpoint(body({ steps: [step] }), RUN)).toMatchObject({
    ok: false,
    status: 413,
    field: 'steps[0].data',
  });
});
