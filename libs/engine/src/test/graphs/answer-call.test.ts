import type { JsonValue } from '@perdure/domain';
import { stepHash, type WireOp } from '@perdure/testing';
import { expect, test } from 'vitest';
import { answerCall, type GraphCall } from './answer-call.ts';
import { aGraph, aRace, aSleep, aStep, all, sequence } from './graph-builders.ts';
import type { Graph } from './step-graph.ts';

/** `memos`: what ended, in order. Answers the status, and the body: of ops their names and steps. */
async function call(graph: Graph, facts: Partial<GraphCall> & { memos?: Record<string, JsonValue> } = {}) {
  const { memos = {}, ...more } = facts;
  const steps = Object.fromEntries(Object.entries(memos).map(([id, memo]) => [stepHash(id), memo]));
  const checkpointed: string[] = [];
  const reply = await answerCall(
    graph,
    {
      target: 'step',
      attempt: 0,
      attemptsMax: 1,
      forcePlan: false,
      steps,
      stack: Object.keys(steps),
      label: '0',
      ...more,
    },
    {
      execute: ({ id }) => ({ step: id }),
      checkpoint: async (ops) => {
        checkpointed.push(...ops.map(printOp));
        return 'saved';
      },
    },
  );
  if (reply.kind !== 'answer') throw new Error('a graph always answers');
  const body = JSON.parse(String(reply.body)) as JsonValue;
  const print = reply.status === 206 ? (body as WireOp[]).map(printOp).join(' ') : body;
  return { status: reply.status, body: print, checkpointed: checkpointed.join(' ') };
}

function printOp({ op, displayName, opts }: WireOp): string {
  const isRace = (opts as { parallelMode?: string } | undefined)?.parallelMode === 'race';
  return `${op}${displayName === undefined ? '' : ` ${displayName}`}${isRace ? '*' : ''}`;
}

const memo = (id: string): JsonValue => ({ data: { step: id } });

test('a lone step is executed at once, unless it is only to be planned', async () => {
  const graph = aGraph(sequence(aStep('a'), aStep('b')));

  expect(await call(graph)).toMatchObject({ body: 'StepRun a' });
  expect(await call(graph, { memos: { a: memo('a') } })).toMatchObject({ body: 'StepRun b' });
  expect(await call(graph, { forcePlan: true })).toMatchObject({ body: 'StepPlanned a' });
  expect(await call(graph, { memos: { a: memo('a'), b: memo('b') } })).toMatchObject({ status: 200, body: 'a,b' });
});

test('steps side by side are planned, those of a marked race with its mark', async () => {
  const graph = aGraph(all(aRace(aStep('a'), aSleep('b', 5)), aStep('c')));

  expect(await call(graph)).toMatchObject({ body: 'StepPlanned a* Sleep b* StepPlanned c' });
  expect(await call(graph, { target: stepHash('a') })).toMatchObject({ body: 'StepRun a*' });
});

test('a step fails at its first attempts', async () => {
  const graph = aGraph(aStep('a', { failures: 1 }));

  expect(await call(graph)).toMatchObject({ body: 'StepError a' });
  expect(await call(graph, { attempt: 1 })).toMatchObject({ body: 'StepRun a' });
  expect(await call(graph, { memos: { a: { error: { message: 'x' } } } })).toMatchObject({
    status: 400,
    body: { message: 'a failed' },
  });
});

test('steps that are not answered at once come with what comes next', async () => {
  const steps = sequence(aStep('a'), aStep('b'));

  expect(await call(aGraph(steps, { lone: 'buffered' }))).toMatchObject({ body: 'StepRun a StepRun b RunComplete' });
  expect(await call(aGraph(steps, { lone: 'checkpointed' }))).toMatchObject({
    body: 'RunComplete',
    checkpointed: 'StepRun a StepRun b',
  });
});

test('a call that names a step which the function does not ask for is refused', async () => {
  await expect(call(aGraph(aStep('a')), { target: stepHash('b') })).rejects.toThrow('a call names a step');
});
