import type { JsonValue } from '@perdure/domain';

import {
  completed,
  failed,
  fromSdk,
  ops,
  runCompleteOp,
  sleepOp,
  stepErrorOp,
  stepHash,
  stepPlannedOp,
  stepRunOp,
  type Reply,
} from './replies.ts';
import type { ScriptedCall } from './scripted-call.ts';

/** What a scripted function answers to a call. An exception becomes a retriable error of the function. */
export type Script = (call: ScriptedCall) => Reply | Promise<Reply>;

/** One call, then 200. */
export function completes(output: JsonValue = 'done'): Script {
  const reply = completed(output);
  return () => reply;
}

/** The same reply to every call. */
export function always(reply: Reply): Script {
  return () => reply;
}

/** `count` steps, one call each, as SDKs do it without checkpointing; then 206 with RunComplete. */
export function sequentialSteps(count: number, output: JsonValue = 'done'): Script {
  const steps = Array.from({ length: count }, (_, i) => {
    const id = `step-${i + 1}`;
    return { hash: stepHash(id), reply: ops(stepRunOp(id, { step: i + 1 })) };
  });
  const last = ops(runCompleteOp(output));
  return (call) => steps.find((step) => !(step.hash in call.steps))?.reply ?? last;
}

/** `count` steps at once: planned on the first call, run on targeted ones; ends when all have a memo. */
export function parallelSteps(count: number, output: JsonValue = 'done'): Script {
  const ids = Array.from({ length: count }, (_, i) => `step-${i + 1}`);
  return (call) => {
    const target = ids.find((id) => stepHash(id) === call.stepId);
    if (target !== undefined) return ops(stepRunOp(target, { ran: target }));
    const missing = ids.filter((id) => !(stepHash(id) in call.steps));
    return missing.length === 0 ? ops(runCompleteOp(output)) : ops(...missing.map(stepPlannedOp));
  };
}

/** One sleep, then the end. `until` is a duration, an RFC 3339 instant, or what gives one for the call. */
export function sleeps(until: string | ((call: ScriptedCall) => string), output: JsonValue = 'awake'): Script {
  const last = ops(runCompleteOp(output));
  return (call) => {
    if (stepHash('nap') in call.steps) return last;
    return ops(sleepOp('nap', typeof until === 'string' ? until : until(call)));
  };
}

/** Fails the function while the call's attempt is below `times`, then goes on with `then`. */
export function failsThen(times: number, then: Script, options?: Parameters<typeof failed>[1]): Script {
  return (call) => (call.attempt < times ? failed(`attempt ${call.attempt} fails`, options) : then(call));
}

/** A step that reports `StepError` while the call's attempt is below `times`, then its output; then the end. */
export function stepFailsThenCompletes(times: number, output: JsonValue = 'done'): Script {
  return (call) => {
    if (stepHash('shaky') in call.steps) return ops(runCompleteOp(output));
    if (call.attempt >= times) return ops(stepRunOp('shaky', { attempt: call.attempt }));
    return fromSdk(206, [stepErrorOp('shaky', `attempt ${call.attempt} fails`)], { 'x-inngest-no-retry': 'false' });
  };
}

/** One reply after the other, a call each; the last one repeats. */
export function inTurn(first: Reply, ...others: Reply[]): Script {
  const left = [first, ...others];
  let current = first;
  return () => (current = left.shift() ?? current);
}
