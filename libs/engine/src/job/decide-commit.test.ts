import type { Op, SdkAnswer } from '@perdure/protocol';
import { aFunction } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { type Commit, decideCommit, type DecideCommitInput, OPS_MAX } from './decide-commit.ts';

const now = Date.UTC(2026, 10, 21, 12);
const base = { displayName: 'step', isRace: false };
const error = { name: 'Error', message: 'boom' };
const done = (hash: string, more: Partial<{ isRace: boolean }> = {}): Op => ({
  kind: 'step-done',
  hash,
  memo: '{"data":1}',
  ...base,
  ...more,
});
const planned = (hash: string): Op => ({ kind: 'step-planned', hash, ...base });
const sleep = (hash: string, duration: string): Op => ({ kind: 'sleep', hash, duration, ...base });
const stepError = (hash: string): Op => ({ kind: 'step-error', hash, error, memo: '{"error":{}}', ...base });

const context: DecideCommitInput['context'] = {
  run: { runId: 'run-1', envId: 'env', appId: 'app', functionId: 'fn', functionVersion: 3 },
  triggerEvent: () => ({ name: 'test/happened', data: { id: 7 } }),
  findFunction: (name) => (name === 'test-app-child' ? aFunction({ slug: name }) : undefined),
};

function decide(answer: SdkAnswer, job: Partial<DecideCommitInput['job']> = {}): Commit {
  return decideCommit({ answer, job: { attempt: 0, attemptsMax: 5, ...job }, now, random: 0, backoff: {}, context });
}

function decideOps(ops: Op[], more: Partial<Extract<SdkAnswer, { kind: 'ops' }>> = {}, job = {}): Commit {
  return decide({ kind: 'ops', ops, noRetry: false, ...more }, job);
}

describe('steps', () => {
  test('one step that is done is saved, alone', () => {
    expect(decideOps([done('a')], { requestVersion: 2 })).toEqual({
      kind: 'advance',
      saves: [{ hash: 'a', memo: '{"data":1}', isRace: false }],
      plans: [],
      isParallel: false,
      discover: false,
      requestVersion: 2,
    });
  });

  test('[P76] more than one op is parallel; lazy ones do not count', () => {
    expect(decideOps([planned('a'), planned('b')])).toMatchObject({ isParallel: true });
    expect(decideOps([planned('a'), { kind: 'none' }])).toMatchObject({ isParallel: false });
  });

  test('[P74] a discovery request saves and plans nothing and asks for a discovery', () => {
    const op: Op = { kind: 'discover', hash: 'd', ...base };

    expect(decideOps([op])).toEqual({ kind: 'advance', saves: [], plans: [], isParallel: false, discover: true });
  });

  test('race marks reach the store', () => {
    expect(decideOps([done('a', { isRace: true })])).toMatchObject({ saves: [{ isRace: true }] });
  });
});

describe('step errors', () => {
  test('[P56] a retriable one repeats the job and saves nothing', () => {
    expect(decideOps([stepError('a')])).toEqual({ kind: 'retry', notBefore: now + 15_000, error, saves: [] });
  });

  test('[P56][P53] after the last attempt it is saved as the outcome of the step, whatever the SDK says', () => {
    expect(decideOps([stepError('a')], {}, { attempt: 4 })).toMatchObject({
      kind: 'advance',
      saves: [{ hash: 'a', memo: '{"error":{}}' }],
    });
  });

  test('several that fail in one answer are repeated together, and saved together in the end', () => {
    const ops = [done('a'), stepError('b'), stepError('c')];

    expect(decideOps(ops)).toMatchObject({ kind: 'retry', saves: [{ hash: 'a' }] });
    expect(decideOps(ops, {}, { attempt: 4 })).toMatchObject({
      kind: 'advance',
      saves: [{ hash: 'a' }, { hash: 'b' }, { hash: 'c' }],
    });
  });

  test('[E41] one marked as not retriable is saved at once', () => {
    expect(decideOps([stepError('a')], { noRetry: true })).toMatchObject({ kind: 'advance', saves: [{ hash: 'a' }] });
  });

  test('steps that ended in the same answer are saved although the job is repeated', () => {
    const commit = decideOps([done('a'), stepError('b')], { retryAt: now + 3_000 });

    expect(commit).toMatchObject({ kind: 'retry', notBefore: now + 3_000, saves: [{ hash: 'a' }] });
  });
});

describe('sleeps', () => {
  const wakeAt = (duration: string): unknown => {
    const commit = decideOps([sleep('s', duration)]);
    return commit.kind === 'advance' ? commit.plans : commit;
  };

  test.each([
    ['1s', now + 1_000],
    ['2026-11-21T12:00:03.5Z', now + 3_500],
    ['', now],
    ['0', now],
  ])('[P60] "%s" ends when it says', (duration, at) => {
    expect(wakeAt(duration)).toEqual([{ kind: 'sleep', hash: 's', isRace: false, wakeAt: at }]);
  });

  test('[E56] a negative duration ends now', () => {
    expect(wakeAt('-5s')).toEqual([{ kind: 'sleep', hash: 's', isRace: false, wakeAt: now }]);
  });

  test.each(['400d', '2028-01-01T00:00:00Z'])('[E57][P61] %s fails the run', (duration) => {
    expect(wakeAt(duration)).toMatchObject({ kind: 'fail', error: { name: 'InngestErrTimeoutTooLong' } });
  });

  test('text that is no duration fails the run instead of repeating it for ever', () => {
    expect(wakeAt('soon')).toMatchObject({ kind: 'fail', error: { name: 'InvalidSleep' } });
  });
});

describe('the end of a run', () => {
  test('[P72] a completion among ops completes the run', () => {
    const end: Op = { kind: 'run-complete', hash: 'c', output: '{"ok":true}', ...base };

    expect(decideOps([done('a'), end])).toEqual({
      kind: 'complete',
      output: '{"ok":true}',
      saves: [{ hash: 'a', memo: '{"data":1}', isRace: false }],
    });
  });

  test('[P44] a plain completion completes it', () => {
    expect(decide({ kind: 'completed', output: '1' })).toEqual({ kind: 'complete', output: '1', saves: [] });
  });

  test('[P48] a failed attempt is repeated while attempts are left, and only if it may be', () => {
    const failed: SdkAnswer = { kind: 'failed', error, output: '{}', isRetriable: true };

    expect(decide(failed)).toMatchObject({ kind: 'retry' });
    expect(decide(failed, { attempt: 4 })).toEqual({ kind: 'fail', output: '{}', error });
    expect(decide({ ...failed, isRetriable: false })).toEqual({ kind: 'fail', output: '{}', error });
  });

  test('more ops than allowed in one answer fail the run', () => {
    const ops = Array.from({ length: OPS_MAX + 1 }, (_, i) => planned(String(i)));

    expect(decideOps(ops)).toMatchObject({ kind: 'fail', error: { name: 'InngestErrFunctionOverflowed' } });
  });
});

describe('waits', () => {
  const wait = (more: Partial<Extract<Op, { kind: 'wait-for-event' }>> = {}): Op => ({
    kind: 'wait-for-event',
    hash: 'w',
    event: 'order/paid',
    timeout: '1h',
    ...base,
    ...more,
  });
  const plansOf = (commit: Commit) => (commit.kind === 'advance' ? commit.plans : []);

  test('a wait becomes a pause for the event, over what is left of its condition', () => {
    const commit = decideOps([wait({ if: 'event.data.id == async.data.id' })]);

    expect(plansOf(commit)).toMatchObject([
      {
        kind: 'wait',
        hash: 'w',
        pause: {
          pauseId: 'run-1.w',
          kind: 'wait',
          event: 'order/paid',
          expiresAt: now + 3_600_000,
          timeoutMemo: 'null',
          anchors: [{ path: '["data","id"]' }],
        },
      },
    ]);
  });

  test('a wait that nothing can end is a sleep until its timeout', () => {
    expect(plansOf(decideOps([wait({ if: 'event.data.id == 8' })]))).toEqual([
      { kind: 'sleep', hash: 'w', isRace: false, wakeAt: now + 3_600_000 },
    ]);
  });

  test('[E60] a wait without any time is over at once', () => {
    expect(decideOps([wait({ timeout: '' })])).toMatchObject({ saves: [{ hash: 'w', memo: 'null' }], plans: [] });
  });

  test('[E69] a condition that does not compile ends the run', () => {
    expect(decideOps([wait({ if: 'async.data.id ==' })])).toMatchObject({
      kind: 'fail',
      error: { name: 'InvalidExpression', message: 'Wait for event If expression failed to compile' },
    });
  });

  test('[E57] neither a wait nor an invoke outlasts a year', () => {
    const tooLong = { name: 'InngestErrTimeoutTooLong' };

    expect(decideOps([wait({ timeout: '400d' })])).toMatchObject({ kind: 'fail', error: tooLong });
    expect(decideOps([invoke({ timeout: '400d' })])).toMatchObject({ kind: 'fail', error: tooLong });
  });

  test('a signal is waited for under its name', () => {
    const op: Op = { kind: 'wait-for-signal', hash: 's', signal: 'go', timeout: '30s', conflict: 'replace', ...base };

    expect(plansOf(decideOps([op]))).toMatchObject([
      { kind: 'signal', conflict: 'replace', pause: { kind: 'signal', correlationId: 'go', expiresAt: now + 30_000 } },
    ]);
  });

  const invoke = (more: Partial<Extract<Op, { kind: 'invoke' }>> = {}): Op => ({
    kind: 'invoke',
    hash: 'i',
    functionId: 'test-app-child',
    payload: { data: { n: 1 } },
    ...base,
    ...more,
  });

  test('an invoke becomes a pause and the event that starts its function, with the same ID whenever it is planned', () => {
    const [plan] = plansOf(decideOps([invoke()]));
    const [again] = plansOf(decideOps([invoke()]));

    expect(plan).toMatchObject({
      kind: 'invoke',
      pause: { correlationId: 'run-1.i', expiresAt: now + 365 * 86_400_000 },
    });
    expect(again).toEqual(plan);
    expect(plan?.kind === 'invoke' && JSON.parse(plan.invokeEvent.body)).toMatchObject({
      name: 'inngest/function.invoked',
      data: {
        n: 1,
        _inngest: { fn_id: 'test-app-child', correlation_id: 'run-1.i', source_fn_id: 'fn', source_fn_v: 3 },
      },
    });
  });

  test('invocations within invocations end at a hundred', () => {
    const depth = (levels: number): Commit =>
      decideCommit({
        answer: { kind: 'ops', ops: [invoke()], noRetry: false },
        job: { attempt: 0, attemptsMax: 5 },
        now,
        random: 0,
        backoff: {},
        context: {
          ...context,
          triggerEvent: () => ({ name: 'inngest/function.invoked', data: { _inngest: { depth: levels } } }),
        },
      });

    expect(plansOf(depth(99))).toHaveLength(1);
    const memo = '{"error":{"message":"functions may invoke one another up to 100 deep","name":"Error"}}';
    expect(depth(100)).toMatchObject({ saves: [{ hash: 'i', memo }], plans: [] });
  });

  test('an invoke of a function that is not there is answered at once', () => {
    const memo = '{"error":{"message":"could not find function with ID: nobody","name":"Error"}}';

    expect(decideOps([invoke({ functionId: 'nobody' })])).toMatchObject({ saves: [{ hash: 'i', memo }], plans: [] });
  });
});
