import { setTimeout as pause } from 'node:timers/promises';

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
/** Of the functions that there are to be fair between. */
export const BUSY_FUNCTIONS = 50;
/** What a call of `keyed`, `unkeyed` or `busy` takes. */
export const WORK_MS = 5;
/** Ends the wait of the `waiter` whose run its data names. */
export const RESUME_EVENT = 'bench/resume';

/** The functions of the applications; each is triggered by the event `bench/{name}`, `fan-out` is many; of `busy` each has its own. */
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
  'keyed',
  'unkeyed',
  'busy',
  'single',
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
  /** Calls of the same key that were being worked on when this one came; of `keyed` and `unkeyed`. */
  alongside?: number;
}

export function eventNameOf(fn: FunctionName): string {
  return `bench/${fn}`;
}

/** The event of the n-th of the busy functions, counted from 0. */
export function busyEventName(n: number): string {
  return `${eventNameOf('busy')}-${n}`;
}

/** `record` is called for calls whose time is of interest: all but those in the middle of `steps`. Calls of `busy` are not answered before `gate`, so that a backlog grows. */
export function benchFunctions(record: (call: CallRecord) => void, gate: Promise<void>): ScriptedFunction[] {
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
  const atWork = new Map<string, number>();
  const works = (fn: 'keyed' | 'unkeyed', options: ScriptedFunction['options']): ScriptedFunction => ({
    id: fn,
    triggers: [{ event: eventNameOf(fn) }],
    ...(options && { options }),
    script: async (call) => {
      const arrivedAt = nowMs();
      const key = `${fn} ${Number(call.event.data['key'])}`;
      const alongside = atWork.get(key) ?? 0;
      atWork.set(key, alongside + 1);
      await pause(WORK_MS);
      atWork.set(key, (atWork.get(key) ?? 1) - 1);
      record({ fn, run: Number(call.event.data['run']), stepsDone: 0, arrivedAt, answeredAt: nowMs(), alongside });
      return done;
    },
  });
  const busy = Array.from({ length: BUSY_FUNCTIONS }, (_, n): ScriptedFunction => ({
    id: `busy-${n}`,
    triggers: [{ event: busyEventName(n) }],
    script: async (call) => {
      const arrivedAt = nowMs();
      await gate;
      await pause(WORK_MS);
      record({ fn: 'busy', run: Number(call.event.data['run']), stepsDone: 0, arrivedAt, answeredAt: nowMs() });
      return done;
    },
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
    works('keyed', { concurrency: [{ limit: 1, key: 'event.data.key' }] }),
    works('unkeyed', undefined),
    ...busy,
    recorded('single', () => done),
    { id: 'echo', triggers: [{ event: eventNameOf('echo') }], script: completes() },
  ];
}
