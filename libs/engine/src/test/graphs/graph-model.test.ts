import { expect, test } from 'vitest';
import { endingsOf } from './graph-model.ts';
import { aGraph, aRace, aStep, aStory, aWait, all, caught, sequence } from './graph-builders.ts';
import type { Graph } from './step-graph.ts';

/** Kind, text, and the steps that must and may have ended. */
function endings(graph: Graph): string[] {
  return endingsOf(graph, aStory([graph])).map(
    ({ kind, text, must, may }) =>
      `${kind} ${text}: ${[...must].join('')}${may.size > 0 ? ` ${[...may].join('')}` : ''}`,
  );
}

test('a sequence returns what its parts return', () => {
  expect(endings(aGraph(sequence(aStep('a'), aStep('b'))))).toEqual(['returned a,b: ab']);
});

test('what follows a failure does not begin', () => {
  const failing = aStep('a', { failures: 1 });

  expect(endings(aGraph(sequence(failing, aStep('b')), { retries: 0 }))).toEqual(['threw a failed: a']);
  expect(endings(aGraph(sequence(failing, aStep('b')), { retries: 1 }))).toEqual(['returned a,b: ab']);
});

test('what is caught is a value', () => {
  const failing = aStep('a', { isFatal: true });

  expect(endings(aGraph(sequence(caught(failing), aStep('b'))))).toEqual(['returned (a failed),b: ab']);
});

test('one failure of parallel parts is enough, whatever became of the others', () => {
  const failing = aStep('a', { isFatal: true });

  expect(endings(aGraph(all(failing, aStep('b'))))).toEqual(['threw a failed: a b']);
});

test('any part of a race may win', () => {
  expect(endings(aGraph(sequence(aRace(aStep('a'), aStep('b')), aStep('c'))))).toEqual([
    'returned a,c: ac b',
    'returned b,c: bc a',
  ]);
});

test('a wait ends with what it waits for, or in vain', () => {
  expect(endings(aGraph(aWait('a', 'arrives')))).toEqual(['returned a+: a']);
  expect(endings(aGraph(aWait('a', 'timeout')))).toEqual(['returned a-: a']);
  expect(endings(aGraph(aWait('a', 'either')))).toEqual(['returned a+: a', 'returned a-: a']);
});

test('an invoke has the end of the function that it calls', () => {
  const invoke = { kind: 'invoke', id: 'a', child: 0, ends: 'arrives' } as const;
  const graph = aGraph(invoke);
  const story = aStory([graph], [aGraph(aRace(aStep('x'), aStep('y', { isFatal: true })))]);

  expect(endingsOf(graph, story).map(({ kind, text }) => `${kind} ${text}`)).toEqual([
    'returned a{x}',
    'threw a failed',
  ]);
});

test('a function that throws at each attempt fails after its steps', () => {
  expect(endings(aGraph(aStep('a'), { throws: 2, retries: 1 }))).toEqual(['threw thrown: a']);
  expect(endings(aGraph(aStep('a'), { throws: 1, retries: 1 }))).toEqual(['returned a: a']);
});
