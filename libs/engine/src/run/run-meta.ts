import type { EventId, JsonValue, StepHash } from '@perdure/domain';
import { canonicalJson } from '@perdure/protocol';
import type { RunState } from '@perdure/store';
import { parseTraceparent } from '@perdure/telemetry';

/** What a run carries through the store without the store reading it. */
export interface RunMeta {
  eventIds: EventId[];
  batchId?: string;
  cron?: string;
  originalRunId?: string;
  /** Correlation IDs of invokes that wait for the run, and are not those of its events. */
  callers?: string[];
  /** What a step is to be called with instead of its own arguments, in a run that goes on from it. */
  input?: { hash: StepHash; args: JsonValue[] };
  /** Of a run that a durable endpoint began by itself. */
  endpoint?: { requestVersion: number };
  /** `traceparent` of what scheduled it, where that is traced. */
  trace?: string;
}

export function runMeta(meta: RunMeta): string {
  return JSON.stringify(meta);
}

export function parseRunMeta(text: string): RunMeta {
  return JSON.parse(text) as RunMeta;
}

/** What a line of the log about the run says of its trace, if it has one. */
export function traceFacts(meta: string): { traceId?: string } {
  if (!meta.includes('"trace"')) return {};
  const traceId = parseTraceparent(parseRunMeta(meta).trace)?.traceId;
  return traceId === undefined ? {} : { traceId };
}

/** The state as the SDK is given it: with the arguments that a step is to be called with (sdk-protocol.md 6.4). */
export function withEditedInput(state: RunState, meta: string): RunState {
  if (!meta.includes('"input"')) return state;
  const { input } = parseRunMeta(meta);
  if (input === undefined || state.steps[input.hash] !== undefined) return state;
  return { ...state, steps: { ...state.steps, [input.hash]: canonicalJson({ input: input.args }) } };
}
