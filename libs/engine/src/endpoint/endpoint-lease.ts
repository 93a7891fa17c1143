import type { JobId, LeaseToken, RunId } from '@perdure/domain';
import { hash } from '../function/hash.ts';

/**
 * How long a durable endpoint may take from one report to the next before it counts as gone, and the platform goes on with
 * its run. Longer than any lease of a process of ours: a store that is opened again leaves those to the SDKs that have them.
 */
export const ENDPOINT_LEASE_MS = 10 * 60_000;

/** What the SDK holds while the endpoint is under way by itself: derived, for SDKs do not know of it. */
export function endpointLease(runId: RunId): { jobId: JobId; token: LeaseToken } {
  return { jobId: `${runId}.start`, token: hash('endpoint-lease', runId) };
}
