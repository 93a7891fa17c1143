import {
  completed,
  failed,
  invokeOp,
  ops,
  sleepOp,
  stepHash,
  stepPlannedOp,
  stepRunOp,
  waitForEventOp,
  type CallEvent,
  type Reply,
  type ScriptedCall,
  type ScriptedFunction,
} from '@perdure/testing';

import type { EndEvent } from '../observer.ts';
import type { EventInput } from '../server-api.ts';
import { Ledger } from './ledger.ts';

export const AUDIT_APP = 'audit';

/** Kinds of work, as names of events. What an event of each triggers stands in `TRIGGERED`. */
export type AuditEventName =
  | 'audit/one'
  | 'audit/two'
  | 'audit/three'
  | 'audit/both'
  | 'audit/parallel'
  | 'audit/nap'
  | 'audit/shaky'
  | 'audit/fails'
  | 'audit/narrow'
  | 'audit/invoke'
  | 'audit/wait'
  | 'audit/answer'
  | 'audit/cancel-me'
  | 'audit/cancel';

const TRIGGERED: Record<AuditEventName, readonly string[]> = {
  'audit/one': ['audit-one'],
  'audit/two': ['audit-two'],
  'audit/three': ['audit-three'],
  'audit/both': ['audit-two', 'audit-three'],
  'audit/parallel': ['audit-parallel'],
  'audit/nap': ['audit-nap'],
  'audit/shaky': ['audit-shaky'],
  'audit/fails': ['audit-fails'],
  'audit/narrow': ['audit-narrow'],
  'audit/invoke': ['audit-invokes'],
  'audit/wait': ['audit-waits'],
  'audit/answer': [],
  'audit/cancel-me': ['audit-cancelled'],
  'audit/cancel': [],
};

/** How runs of a function may end; those of others must complete. */
export const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  'audit-fails': ['Failed'],
  // Nobody says which comes first, the cancellation or the timeout.
  'audit-cancelled': ['Cancelled', 'Completed'],
};

/** Events that follow on others come this many rounds later, so that most find a run that waits. */
const ROUNDS_LATER = 8;
const ROUND: readonly AuditEventName[] = [
  'audit/both',
  'audit/parallel',
  'audit/nap',
  'audit/shaky',
  'audit/fails',
  'audit/narrow',
  'audit/invoke',
  'audit/wait',
  'audit/answer',
  'audit/cancel-me',
  'audit/cancel',
];

/** The n-th event of a load that has everything in it. */
export function mixedEvent(n: number): EventInput {
  const round = Math.floor(n / ROUND.length);
  const name = ROUND[n % ROUND.length] ?? 'audit/one';
  const follows = name === 'audit/answer' || name === 'audit/cancel';
  return { name, data: { key: `key-${n % 5}`, n: follows ? round - ROUNDS_LATER : round } };
}

/** Calls that a harmed connection loses spend attempts: there are as many as there can be. */
const RETRIES = 20;

const PARALLEL = ['left', 'middle', 'right'];

/** Slugs of the functions that an event of this name starts. */
export function functionsOf(name: string): readonly string[] {
  return Object.hasOwn(TRIGGERED, name) ? TRIGGERED[name as AuditEventName] : [];
}

export function auditLedger(): Ledger {
  return new Ledger(functionsOf);
}

/** Functions of every shape that keep the books: what each step gave, what each call was told, which runs have ended. */
export function auditedFunctions(ledger: Ledger): ScriptedFunction[] {
  const audited = (
    id: string,
    event: AuditEventName | AuditEventName[],
    script: (call: ScriptedCall) => Reply,
    more: Partial<ScriptedFunction> = {},
  ): ScriptedFunction => ({
    id,
    triggers: [event].flat().map((name) => ({ event: name })),
    retries: RETRIES,
    ...more,
    script: (call) => {
      ledger.noteCall(call);
      return script(call);
    },
  });
  /** The step's output is another one each time that it is executed. */
  const execute = (call: ScriptedCall, stepId: string): Reply => {
    const output = { random: Math.random() };
    ledger.noteOutput(call.runId, stepHash(stepId), output);
    return ops(stepRunOp(stepId, output));
  };
  const wait = (call: ScriptedCall, stepId: string, event: string): Reply => {
    ledger.noteWait(call.runId, stepHash(stepId));
    return ops(waitForEventOp(stepId, { event, timeout: '5s', if: 'async.data.n == event.data.n' }));
  };
  const steps = (call: ScriptedCall, count: number): Reply => {
    for (let i = 0; i < count; i += 1) if (!(stepHash(`step-${i}`) in call.steps)) return execute(call, `step-${i}`);
    return end(call);
  };

  return [
    audited('one', 'audit/one', end),
    audited('two', ['audit/two', 'audit/both'], (call) => steps(call, 2)),
    audited('three', ['audit/three', 'audit/both'], (call) => steps(call, 3)),
    audited('parallel', 'audit/parallel', (call) => {
      const target = PARALLEL.find((id) => stepHash(id) === call.stepId);
      if (target !== undefined) return execute(call, target);
      const missing = PARALLEL.filter((id) => !(stepHash(id) in call.steps));
      return missing.length === 0 ? end(call) : ops(...missing.map(stepPlannedOp));
    }),
    audited('nap', 'audit/nap', (call) => {
      if (!(stepHash('step-0') in call.steps)) return execute(call, 'step-0');
      if (!(stepHash('nap') in call.steps)) return ops(sleepOp('nap', '1s'));
      return steps(call, 2);
    }),
    audited('shaky', 'audit/shaky', (call) =>
      call.attempt === 0 && !(stepHash('step-0') in call.steps)
        ? failed('the first attempt fails', { retryAfter: '1' })
        : steps(call, 1),
    ),
    audited('fails', 'audit/fails', () => failed('it must fail', { isRetriable: false })),
    audited('invokes', 'audit/invoke', (call) => {
      if (stepHash('child') in call.steps) return end(call);
      return ops(invokeOp('child', { functionId: `${AUDIT_APP}-child`, data: { parent: call.runId } }));
    }),
    audited('child', [], (call) => {
      const output = { random: Math.random() };
      ledger.noteOutput(call.event.data['parent'] as string, stepHash('child'), output);
      return completed(output);
    }),
    audited('waits', 'audit/wait', (call) => {
      const memo = call.steps[stepHash('answer')] as CallEvent | null | undefined;
      if (memo === undefined) return wait(call, 'answer', 'audit/answer');
      if (memo !== null && memo.data['n'] !== call.event.data['n']) {
        return failed('another run was meant', { isRetriable: false });
      }
      return steps(call, 1);
    }),
    audited(
      'cancelled',
      'audit/cancel-me',
      (call) => (stepHash('never') in call.steps ? end(call) : wait(call, 'never', 'audit/never')),
      { options: { cancel: [{ event: 'audit/cancel', if: 'async.data.n == event.data.n' }] } },
    ),
    audited('narrow', 'audit/narrow', (call) => steps(call, 2), {
      options: { concurrency: [{ limit: 3, key: 'event.data.key' }] },
    }),
    {
      id: 'finished',
      triggers: [{ event: 'inngest/function.finished' }],
      retries: RETRIES,
      script: (call) => {
        ledger.noteFinished(call.event as EndEvent, call.runId);
        return completed(null);
      },
    },
  ];
}

function end(call: ScriptedCall): Reply {
  return completed({ memos: call.steps });
}
