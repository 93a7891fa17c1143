import type { JsonObject, JsonValue } from '@perdure/domain';
import { ops, type Reply, runCompleteOp, type ScriptedCall, stepHash, type WireOp } from '@perdure/testing';

/** What SDKs send for `step.fetch`. */
export function gatewayOp(stepId: string, opts: JsonObject): WireOp {
  return { op: 'Gateway', id: stepHash(stepId), displayName: stepId, opts, data: null };
}

/** What SDKs send for `step.ai.infer`. */
export function aiOp(stepId: string, opts: JsonObject): WireOp {
  return {
    op: 'AIGateway',
    id: stepHash(stepId),
    displayName: stepId,
    opts: { type: 'step.ai.infer', body: { model: 'm' }, ...opts },
    data: null,
  };
}

/** Asks for what is still missing of `steps`; ends with their memos. */
export function untilDone(steps: WireOp[]): (call: ScriptedCall) => Reply {
  return (call) => {
    const missing = steps.filter(({ id }) => !(id in call.steps));
    return missing.length > 0 ? ops(...missing) : ops(runCompleteOp(call.steps));
  };
}

/** Of a run that ended with its memos. */
export function memoOf(output: JsonValue | undefined, stepId: string): JsonValue | undefined {
  return (output as Record<string, JsonValue>)[stepHash(stepId)];
}
