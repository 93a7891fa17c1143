import type { JobId, RunId, StepHash } from '@perdure/domain';
import { HEADERS } from '../headers.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { parseJson } from '../json/parse-json.ts';
import { signBody } from '../signature/sign-body.ts';
import type { EndpointRequest } from './parse-endpoint-run.ts';

export interface ReentryCall {
  request: EndpointRequest;
  runId: RunId;
  jobId: JobId;
  target: 'step' | StepHash;
  requestId: string;
  generation: number;
  requestVersion: number;
  forcePlan: boolean;
  signing?: { key: string; unixSeconds: number };
}

/** What npm reads a body of, before it verifies its signature; of other methods it verifies an empty one. */
const METHODS_WITH_BODY = ['POST', 'PUT'];

/**
 * The call by which a durable endpoint goes on: the request of its client once more, with headers by which the SDK knows it
 * (sdk-protocol.md 9.1.4). The signature is there even where it is empty: by that header SDKs tell the call from a client's.
 */
export function reentryCall(call: ReentryCall): {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: string;
} {
  const { request, signing } = call;
  const { domain, path, query, method, contentType, body } = request;
  return {
    url: `${domain}${path}${query === '' ? '' : `?${query}`}`,
    method,
    body: method === 'GET' || method === 'HEAD' ? '' : body,
    headers: {
      ...(contentType !== '' && { [HEADERS.contentType]: contentType }),
      [HEADERS.userAgent]: 'Perdure',
      [HEADERS.signature]: signing === undefined ? '' : signBody(signing.key, signedText(request), signing.unixSeconds),
      [HEADERS.runId]: call.runId,
      [HEADERS.requestId]: call.requestId,
      [HEADERS.jobId]: call.jobId,
      [HEADERS.generationId]: String(call.generation),
      [HEADERS.requestVersion]: String(call.requestVersion),
      ...(call.forcePlan && { [HEADERS.forceStepPlan]: 'true' }),
      ...(call.target !== 'step' && { [HEADERS.stepId]: call.target }),
    },
  };
}

/** SDKs put JSON into canonical form before they verify; the body itself is sent as it came. */
function signedText({ method, body }: EndpointRequest): string {
  if (!METHODS_WITH_BODY.includes(method)) return '';
  const parsed = parseJson(body);
  return parsed.ok ? canonicalJson(parsed.value) : body;
}
