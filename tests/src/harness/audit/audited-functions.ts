import {
  completed,
  failed,
  ops,
  sleepOp,
  stepHash,
  stepPlannedOp,
  stepRunOp,
  type Reply,
  type ScriptedCall,
  type ScriptedFunction,
} from '@perdure/testing';

import type { EndEvent } from '../observer.ts';
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
  | 'audit/narrow';

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
};

export const MIXED_EVENTS = Object.keys(TRIGGERED) as AuditEventName[];

/** How runs of a function must end; the others must complete. */
export const MUST_FAIL: ReadonlySet<string> = new Set(['audit-fails']);

/** Calls that a harmed connection loses spend attempts: there are as many as there can be. */
const RETRIES = 20;

const PARALLEL = ['left', 'middle', 'right'];

export function auditLedger(): Ledger {
  return new Ledger((name) => (Object.hasOwn(TRIGGERED, name) ? TRIGGERED[name as AuditEventName] : []));
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
