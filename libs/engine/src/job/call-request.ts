import type { FunctionDefinition, JsonObject } from '@perdure/domain';
import type { CallRequest } from '@perdure/invoker';
import {
  asJsonObject,
  buildCallBody,
  callHeaders,
  callUrl,
  queueItemRef,
  readRequest,
  reentryCall,
  requestIdOf,
} from '@perdure/protocol';
import type { ClaimedJob, RunState } from '@perdure/store';
import type { Ports } from '../ports.ts';
import { parseRunMeta, withEditedInput } from '../run/run-meta.ts';

type Request = Pick<CallRequest, 'url' | 'method' | 'headers' | 'body'>;

/** What the application is called with for a job. `onUrl` is told where, and answers the `traceparent` to send along. */
export function callRequest(
  ports: Ports,
  fn: FunctionDefinition,
  job: ClaimedJob,
  state: RunState,
  onUrl: (url: string) => string | undefined,
): Request {
  return isEndpoint(job) ? toEndpoint(ports, job, state, onUrl) : toFunction(ports, fn, job, state, onUrl);
}

function toFunction(
  ports: Ports,
  fn: FunctionDefinition,
  job: ClaimedJob,
  state: RunState,
  onUrl: (url: string) => string | undefined,
): Request {
  const { run, jobId, generation } = job;
  const { runId, requestVersion } = run;
  const requestId = requestIdOf({ runId, jobId, generation });
  const body = buildCallBody({
    functionId: fn.id,
    runId,
    jobId,
    queueItemRef: queueItemRef(job),
    requestId,
    attempt: job.attempt,
    attemptsMax: job.attemptsMax,
    generation,
    requestVersion,
    forcePlan: run.forcePlan,
    ...withEditedInput(state, run.meta),
    stackPosition: job.stackPosition,
  });
  const url = callUrl(fn.url, { slug: fn.slug, target: job.target });
  const traceparent = onUrl(url);
  const headers = callHeaders({
    body,
    runId,
    jobId,
    target: job.target,
    requestId,
    generation,
    requestVersion,
    accountId: run.accountId,
    appId: run.appId,
    functionId: fn.id,
    serverKind: ports.settings.serverKind,
    ...(traceparent !== undefined && { traceparent }),
    ...signing(ports),
  });
  return { url, headers, body };
}

/** A run that a durable endpoint began goes on with the request of its client. */
function isEndpoint({ run }: ClaimedJob): boolean {
  return run.meta.includes('"endpoint"') && parseRunMeta(run.meta).endpoint !== undefined;
}

function toEndpoint(
  ports: Ports,
  job: ClaimedJob,
  state: RunState,
  onUrl: (url: string) => string | undefined,
): Request {
  const { run, jobId, generation, target } = job;
  const [event] = JSON.parse(state.events) as JsonObject[];
  const request = readRequest(asJsonObject(event?.['data']) ?? {});
  if (request === undefined)
    throw new Error('the event of an endpoint has its request: it was read when the run began');
  const call = reentryCall({
    request,
    runId: run.runId,
    jobId,
    target,
    requestId: requestIdOf({ runId: run.runId, jobId, generation }),
    generation,
    requestVersion: run.requestVersion,
    forcePlan: run.forcePlan,
    ...signing(ports),
  });
  const traceparent = onUrl(call.url);
  return { ...call, headers: { ...call.headers, ...(traceparent !== undefined && { traceparent }) } };
}

/** The first key signs (sdk-protocol.md 5.3). */
function signing({ settings, clock }: Ports): { signing?: { key: string; unixSeconds: number } } {
  const key = settings.signingKeys[0];
  return key === undefined ? {} : { signing: { key, unixSeconds: Math.floor(clock.now() / 1000) } };
}
