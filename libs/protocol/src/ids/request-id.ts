import { hash } from 'node:crypto';
import { encodeUlid, type JobId, type RunId, ulidTimeMs } from '@perdure/domain';

const ENTROPY_BYTES = 10;

/**
 * A ULID of an instant, derived from what it names: parts that are equal give the same one, so that a repeat after a lost
 * reply is recognised (execution.md 7.3).
 */
export function derivedUlid(atMs: number, ...parts: string[]): string {
  return encodeUlid(atMs, hash('sha1', JSON.stringify(parts), 'buffer').subarray(0, ENTROPY_BYTES));
}

/** The ID of one dispatch of a job, echoed by SDKs: the same whenever the same dispatch is repeated (execution.md 1.1). */
export function requestIdOf(call: { runId: RunId; jobId: JobId; generation: number }): string {
  return derivedUlid(ulidTimeMs(call.runId), 'request', call.jobId, String(call.generation));
}
