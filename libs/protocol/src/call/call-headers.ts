import type { AccountId, AppId, FunctionId, JobId, RunId, StepHash } from '@perdure/domain';
import { HEADERS, type ServerKind } from '../headers.ts';
import { signBody } from '../signature/sign-body.ts';
import { traceContextOf } from './trace-context.ts';

export interface CallHeaders {
  body: string;
  runId: RunId;
  jobId: JobId;
  target: 'step' | StepHash;
  requestId: string;
  generation: number;
  requestVersion: number;
  accountId: AccountId;
  appId: AppId;
  functionId: FunctionId;
  serverKind: ServerKind;
  /** Of the platform's own span of the call, where it is traced. */
  traceparent?: string;
  /** Signs the body; absent without keys: then no signature is sent. */
  signing?: { key: string; unixSeconds: number };
}

/** The headers of a call (sdk-protocol.md 6.2), names in lower case. `body` must be the very text that is sent. */
export function callHeaders(call: CallHeaders): Record<string, string> {
  return {
    [HEADERS.contentType]: 'application/json',
    [HEADERS.userAgent]: 'Perdure',
    [HEADERS.serverKind]: call.serverKind,
    [HEADERS.runId]: call.runId,
    [HEADERS.stepId]: call.target,
    [HEADERS.requestVersion]: String(call.requestVersion),
    [HEADERS.requestId]: call.requestId,
    [HEADERS.jobId]: call.jobId,
    [HEADERS.generationId]: String(call.generation),
    [HEADERS.accountId]: call.accountId,
    ...traceContextOf(call),
    ...(call.signing && { [HEADERS.signature]: signBody(call.signing.key, call.body, call.signing.unixSeconds) }),
  };
}
