import type { JobId, LeaseToken } from '@perdure/domain';

export interface QueueItemRef {
  jobId: JobId;
  token: LeaseToken;
}

const REF = /^(\d{1,4}):/;

/** The `qi_id` of a call: names the job and the lease under which it runs, so that a checkpoint is fenced by it. Opaque. */
export function queueItemRef({ jobId, token }: QueueItemRef): string {
  return Buffer.from(`${token.length}:${token}${jobId}`).toString('base64');
}

/** The job and lease that an SDK echoed; undefined when the text is not one of ours. */
export function parseQueueItemRef(ref: string): QueueItemRef | undefined {
  const text = Buffer.from(ref, 'base64').toString('utf8');
  const head = REF.exec(text);
  if (head === null) return undefined;
  const tokenAt = head[0].length;
  const jobAt = tokenAt + Number(head[1]);
  if (jobAt === tokenAt || jobAt >= text.length) return undefined;
  return { token: text.slice(tokenAt, jobAt), jobId: text.slice(jobAt) };
}
