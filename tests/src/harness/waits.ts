import { ops, runCompleteOp, stepHash, waitForEventOp, type Script, type ScriptedCall } from '@perdure/testing';

export interface Wait {
  event: string;
  timeout: string;
  if?: string;
}

/** Waits for an event, then ends with what the wait gave. */
export function waits(wait: Wait | ((call: ScriptedCall) => Wait), seen?: (call: ScriptedCall) => void): Script {
  const hash = stepHash('wait');
  return (call) => {
    if (!(hash in call.steps)) return ops(waitForEventOp('wait', typeof wait === 'function' ? wait(call) : wait));
    seen?.(call);
    return ops(runCompleteOp(call.steps[hash] ?? null));
  };
}
