import type { JsonValue } from '@perdure/domain';
import { ScriptedCall } from '@perdure/testing';
import { expect, test } from 'vitest';

import type { EndEvent } from '../observer.ts';
import { Ledger } from './ledger.ts';

// An auditor that overlooks something makes every fault test worthless: each of its findings is shown once.

const aLedger = () => new Ledger((name) => (name === 'go' ? ['app-f', 'app-g'] : []));

function aCall(runId: string, steps: Record<string, JsonValue> = {}): ScriptedCall {
  const rawBody = JSON.stringify({ ctx: { run_id: runId }, steps });
  return new ScriptedCall({ url: '/?fnId=app-f&stepId=step', headers: {}, rawBody, ended: Promise.resolve() });
}

function aFinishedEvent(
  runId: string,
  { id = `finished-${runId}`, slug = 'app-f', memos = {}, eventId = 'e1' } = {},
): EndEvent {
  return {
    id,
    name: 'inngest/function.finished',
    ts: 0,
    user: {},
    data: {
      function_id: slug,
      run_id: runId,
      event: { id: eventId },
      events: [],
      result: { memos },
      _inngest: { status: 'Completed' },
    },
  };
}

test('a run that went well breaks no promise', () => {
  const ledger = aLedger();

  ledger.noteCall(aCall('r1'));
  ledger.noteOutput('r1', 'a', 1);
  ledger.noteCall(aCall('r1', { a: { data: 1 }, nap: null }));
  ledger.noteFinished(aFinishedEvent('r1', { memos: { a: { data: 1 } } }), 'observer-1');

  expect(ledger.report()).toEqual({
    calls: 2,
    runs: 1,
    inventions: [],
    changes: [],
    finishedTwice: [],
    ranTwice: [],
    open: [],
    endings: { 'app-f Completed': 1 },
  });
});

test('an acknowledged event misses each function that has no ended run', () => {
  const ledger = aLedger();
  ledger.noteFinished(aFinishedEvent('r1'), 'observer-1');

  expect(ledger.missing([{ id: 'e1', name: 'go' }])).toEqual({ count: 1, examples: ['e1/app-g'] });
});

test('a memo that the step never gave is seen', () => {
  const ledger = aLedger();
  ledger.noteOutput('r1', 'a', 1);

  ledger.noteCall(aCall('r1', { a: { data: 2 } }));

  expect(ledger.report().inventions).toEqual(['r1/a: the memo {"data":2} is nothing that the step gave']);
});

test('a memo that changes is seen, also in the output of the run', () => {
  const ledger = aLedger();
  for (const output of [1, 2]) ledger.noteOutput('r1', 'a', output);

  ledger.noteCall(aCall('r1', { a: { data: 1 } }));
  ledger.noteCall(aCall('r1', { a: { data: 2 } }));
  ledger.noteFinished(aFinishedEvent('r1', { memos: { a: { data: 2 } } }), 'observer-1');

  expect(ledger.executionsOf('r1', 'a')).toBe(2);
  expect(ledger.report().changes).toEqual(Array(2).fill('r1/a: the memo was {"data":1} and is now {"data":2}'));
});

test('a run that ends twice is seen, whether by another event or by another run of the same one', () => {
  const ledger = aLedger();
  ledger.noteFinished(aFinishedEvent('r1'), 'observer-1');
  ledger.noteFinished(aFinishedEvent('r1', { id: 'another' }), 'observer-1');
  ledger.noteFinished(aFinishedEvent('r2', { eventId: 'e2' }), 'observer-2');
  ledger.noteFinished(aFinishedEvent('r2', { eventId: 'e2' }), 'observer-3');

  expect(ledger.report().finishedTwice).toEqual(['r1', 'r2']);
});

test('two runs of a function for one event are seen, and a run that never ends', () => {
  const ledger = aLedger();
  ledger.noteCall(aCall('r3'));
  ledger.noteFinished(aFinishedEvent('r1'), 'observer-1');
  ledger.noteFinished(aFinishedEvent('r2'), 'observer-2');

  expect(ledger.report()).toMatchObject({ ranTwice: ['e1/app-f'], open: ['r3'] });
});
