import { type FunctionId, INLINE_STATE_BYTES_MAX, type JobId, type RunId, type StepHash } from '@perdure/domain';
import { isLargerThan } from '../json/json-bytes.ts';
import { firstEventJson } from './first-event.ts';

export interface CallBody {
  functionId: FunctionId;
  runId: RunId;
  jobId: JobId;
  /** Echoed by async checkpoints: `queueItemRef` of the job and its lease. */
  queueItemRef: string;
  requestId: string;
  /** Counted from 0. */
  attempt: number;
  attemptsMax: number;
  /** 1 at the first dispatch of the job. */
  generation: number;
  /** -1 until known. */
  requestVersion: number;
  /** The SDK must report new steps instead of executing them. */
  forcePlan: boolean;
  /** Canonical JSON array of at least one event. */
  events: string;
  /** Memos in canonical JSON, of exactly the steps on the stack. */
  steps: Readonly<Record<StepHash, string>>;
  /** In order of completion. */
  stack: readonly StepHash[];
  /** Index of the step that led to this call + 1; 0 at the start. */
  stackPosition: number;
  /** Deferred runs that the run knows of. */
  defers?: Readonly<Record<StepHash, { abortable: boolean }>>;
}

/** Room in a body for all that is neither event nor memo; the SDK's limit is that of state plus this. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;

/**
 * The body of a call (sdk-protocol.md 6.3), canonical JSON. Events and memos are canonical already: they are joined, not
 * parsed and printed again, because this is done for every step with all the steps before it. Above
 * `INLINE_STATE_BYTES_MAX` the SDK is told to fetch the memos, and the events too when they alone are too large (6.6).
 */
export function buildCallBody(call: CallBody): string {
  const event = firstEventJson(call.events) ?? '{}';
  const steps = stepsJson(call.steps);
  const usesApi = isLargerThan(call.events + steps, INLINE_STATE_BYTES_MAX);
  if (!usesApi) {
    const body = joinBody(call, { event, events: call.events, steps, usesApi });
    if (!isLargerThan(body, BODY_BYTES_MAX)) return body;
  }
  const trimmed = joinBody(call, { event, events: call.events, steps: '{}', usesApi: true });
  if (!isLargerThan(trimmed, BODY_BYTES_MAX)) return trimmed;
  return joinBody(call, { event, events: '[]', steps: '{}', usesApi: true });
}

/** Keys in canonical order. */
function joinBody(
  call: CallBody,
  { event, events, steps, usesApi }: { event: string; events: string; steps: string; usesApi: boolean },
): string {
  const defers = call.defers === undefined ? '{}' : defersJson(call.defers);
  return (
    `{"ctx":${ctxJson(call, usesApi)},"defers":${defers},"event":${event},"events":${events},"steps":${steps}` +
    `,"use_api":${usesApi},"version":${call.requestVersion}}`
  );
}

/** Keys in canonical order. `step_id` is "step" for targeted calls too: their target is in the query. */
function ctxJson(call: CallBody, usesApi: boolean): string {
  return (
    `{"attempt":${call.attempt},"disable_immediate_execution":${call.forcePlan},"env":""` +
    `,"fn_id":${JSON.stringify(call.functionId)},"generation_id":${call.generation}` +
    `,"job_id":${JSON.stringify(call.jobId)},"max_attempts":${call.attemptsMax}` +
    `,"qi_id":${JSON.stringify(call.queueItemRef)},"request_id":${JSON.stringify(call.requestId)}` +
    `,"run_id":${JSON.stringify(call.runId)},"stack":{"current":${call.stackPosition}` +
    `,"stack":${JSON.stringify(call.stack)}},"step_id":"step","use_api":${usesApi}}`
  );
}

/** The memo map as a JSON object in canonical order: what a call carries and `/v0/runs/{id}/actions` answers. */
export function stepsJson(steps: Readonly<Record<StepHash, string>>): string {
  let text = '{';
  for (const hash of Object.keys(steps).toSorted()) {
    text += `${text.length === 1 ? '' : ','}${JSON.stringify(hash)}:${steps[hash]}`;
  }
  return `${text}}`;
}

function defersJson(defers: Readonly<Record<StepHash, { abortable: boolean }>>): string {
  const pieces = Object.keys(defers)
    .toSorted()
    .map((hash) => `${JSON.stringify(hash)}:{"abortable":${defers[hash]?.abortable === true}}`);
  return `{${pieces.join(',')}}`;
}
