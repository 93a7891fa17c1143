import { createHash } from 'node:crypto';

import type { JsonValue } from '@perdure/domain';

/** What a scripted application does with one call. */
export type Reply =
  | { kind: 'answer'; status: number; headers: Record<string, string>; body: string | Uint8Array }
  /** Takes the call and never answers; the connection stays open until the caller gives up or the app stops. */
  | { kind: 'hang' }
  /** Takes the call and resets the connection without a byte. */
  | { kind: 'reset' };

/** One op of an answer as it goes over the wire (sdk-protocol.md 7.4). */
export type WireOp = {
  op: string;
  id: string;
  name?: string;
  displayName?: string;
  opts?: JsonValue;
  data?: JsonValue;
  error?: JsonValue;
};

export const SDK_HEADER_VALUE = 'js:v4.0.0-scripted';
const SDK_HEADERS = {
  'content-type': 'application/json',
  'x-inngest-sdk': SDK_HEADER_VALUE,
  'x-inngest-req-version': '2',
} as const;

/** The hash by which the server knows a step; the same as in the real SDKs. */
export function stepHash(stepId: string): string {
  return createHash('sha1').update(stepId).digest('hex');
}

/** Exactly this, without a header of the SDK. */
export function raw(status: number, headers: Record<string, string> = {}, body = ''): Reply {
  return { kind: 'answer', status, headers, body };
}

/** Exactly this, with the headers of the SDK. */
export function fromSdk(status: number, body: JsonValue, headers: Record<string, string> = {}): Reply {
  return { kind: 'answer', status, headers: { ...SDK_HEADERS, ...headers }, body: JSON.stringify(body) };
}

/** 200: the run is finished. */
export function completed(output: JsonValue): Reply {
  return fromSdk(200, output);
}

/** 206 with these ops. */
export function ops(...list: WireOp[]): Reply {
  return fromSdk(206, list);
}

/** An error of the function itself: 500, or 400 with `no-retry` when it is not retriable, as the npm SDK does. */
export function failed(
  message: string,
  options: { name?: string; isRetriable?: boolean; retryAfter?: string } = {},
): Reply {
  const { name = 'Error', isRetriable = true, retryAfter } = options;
  return fromSdk(
    isRetriable ? 500 : 400,
    { name, message, stack: `${name}: ${message}\n    at scripted (app.ts:1:1)`, __serialized: true },
    { 'x-inngest-no-retry': String(!isRetriable), ...(retryAfter !== undefined && { 'retry-after': retryAfter }) },
  );
}

/** 201: the envelope of a streamed answer, after whitespace that kept the connection alive. */
export function streamed(envelope: { status: number; headers?: Record<string, string>; body: JsonValue }): Reply {
  return { kind: 'answer', status: 201, headers: SDK_HEADERS, body: `   \n ${JSON.stringify(envelope)}` };
}

/** 206 from an SDK with a body that is no JSON. */
export function garbage(): Reply {
  return { kind: 'answer', status: 206, headers: SDK_HEADERS, body: '<html>not what you expect' };
}

export function hang(): Reply {
  return { kind: 'hang' };
}

export function reset(): Reply {
  return { kind: 'reset' };
}

export function stepRunOp(stepId: string, data: JsonValue): WireOp {
  return { op: 'StepRun', id: stepHash(stepId), name: stepId, displayName: stepId, opts: {}, data };
}

export function stepPlannedOp(stepId: string): WireOp {
  return { op: 'StepPlanned', id: stepHash(stepId), name: stepId, displayName: stepId, opts: {}, data: null };
}

export function stepErrorOp(stepId: string, message: string): WireOp {
  return {
    op: 'StepError',
    id: stepHash(stepId),
    name: stepId,
    displayName: stepId,
    error: { name: 'Error', message },
  };
}

export function stepFailedOp(stepId: string, message: string): WireOp {
  return { ...stepErrorOp(stepId, message), op: 'StepFailed' };
}

/** `until` is a duration such as `5s` or an RFC 3339 instant. */
export function sleepOp(stepId: string, until: string): WireOp {
  return { op: 'Sleep', id: stepHash(stepId), name: until, displayName: stepId, opts: {}, data: null };
}

/** `if` compares the event (`event`) with one that comes (`async`). */
export function waitForEventOp(stepId: string, wait: { event: string; timeout: string; if?: string }): WireOp {
  return { op: 'WaitForEvent', id: stepHash(stepId), name: wait.event, displayName: stepId, opts: wait };
}

/** `functionId` is a slug: `{appName}-{functionId}`. */
export function invokeOp(stepId: string, invoke: { functionId: string; data: JsonValue; timeout?: string }): WireOp {
  const { functionId, data, ...more } = invoke;
  const opts = { function_id: functionId, payload: { data }, ...more };
  return { op: 'InvokeFunction', id: stepHash(stepId), displayName: stepId, opts };
}

export function runCompleteOp(output: JsonValue): WireOp {
  return { op: 'RunComplete', id: stepHash('run complete'), data: output };
}
