import {
  completed,
  completes,
  parallelSteps,
  ops,
  runCompleteOp,
  waitForEventOp,
  sequentialSteps,
  sleeps,
  type ScriptedCall,
  type ScriptedFunction,
} from '@perdure/testing';

import { nowMs } from '../now.ts';

export const APP_NAME = 'bench';
export const STEPS_PER_RUN = 10;
/** Functions that one event starts. */
export const FAN_OUT = 50;
/** Ends the wait of the `waiter` whose run its data names. */
export const RESUME_EVENT = 'bench/resume';

/** The functions of the applications; each is triggered by the event `bench/{name}`, `fan-out` is many. */
export const FUNCTION_NAMES = [
  'one-call',
  'steps',
  'traced-steps',
  'parallel-steps',
  'fan-out',
  'waiter',
  'sleeper',
  'rester',
  'echo',
  'checkpointed',
] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

/** A call as the application saw it. Times are of `nowMs`. */
export interface CallRecord {
  fn: FunctionName;
  /** The number in the event's data: which run. */
  run: number;
  /** Steps that had a memo: which call of the run. */
  stepsDone: number;
  arrivedAt: number;
  answeredAt: number;
}

export function eventNameOf(fn: FunctionName): string {
  return `bench/${fn}`;
}

/** `record` is called for calls whose time is of interest: all but those in the middle of `steps`. */
export function benchFunctions(record: (call: CallRecord) => void): ScriptedFunction[] {
  const recorded = (fn: FunctionName, script: (call: ScriptedCall) => ReturnType<typeof completed>, from = 0) => ({
    id: fn,
    triggers: [{ event: eventNameOf(fn) }],
    script: (call: ScriptedCall) => {
      const arrivedAt = nowMs();
      const stepsDone = call.ctx.stack.stack.length;
      const reply = script(call);
      if (stepsDone >= from) {
        record({ fn, run: Number(call.event.data['run']), stepsDone, arrivedAt, answeredAt: nowMs() });
      }
      return reply;
    },
  });
  const done = completed('done');
  const steps = sequentialSteps(STEPS_PER_RUN) as (call: ScriptedCall) => ReturnType<typeof completed>;
  const nap = sleeps(({ event }) => new Date(Number(event.data['until'])).toISOString()) as typeof steps;
  const parallel = parallelSteps(STEPS_PER_RUN) as typeof steps;
  const wait = ops(
    waitForEventOp('resumed', { event: RESUME_EVENT, timeout: '1h', if: 'async.data.run == event.data.run' }),
  );
  const resumed = ops(runCompleteOp('resumed'));
  const fanOut = Array.from({ length: FAN_OUT }, (_, i) => ({
    ...recorded('fan-out', () => done),
    id: `fan-out-${i + 1}`,
  }));
  return [
    recorded('one-call', () => done),
    recorded('steps', steps, STEPS_PER_RUN),
    recorded('traced-steps', steps),
    recorded('parallel-steps', parallel),
    ...fanOut,
    recorded('waiter', (call) => (call.ctx.stack.stack.length === 0 ? wait : resumed)),
    recorded('sleeper', nap, 1),
    recorded('rester', nap),
    { id: 'echo', triggers: [{ event: eventNameOf('echo') }], script: completes() },
  ];
}
