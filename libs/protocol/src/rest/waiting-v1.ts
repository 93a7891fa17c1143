import type { EpochMs, RunId } from '@perdure/domain';
import { formatInstant } from './rest-v1.ts';

/** What holds back one job of a run, as the engine explains it. */
export interface Waiting {
  job: { jobId: string; kind: string; target: string; attempt: number };
  constraint: string;
  text: string;
  until?: EpochMs;
  key?: { scope: string; expression: string; value?: string };
  capacity?: { limit: number; held: number; holders: RunId[] };
  ahead: number;
}

export interface WaitingV1 {
  /** Hash of the step; absent for a call that asks what is next. */
  step?: string;
  attempt: number;
  constraint: string;
  message: string;
  until?: string;
  key?: { scope: string; expression: string; value: string | null };
  limit?: number;
  held?: number;
  /** Up to ten runs that hold what the run waits for. */
  holders?: RunId[];
  /** How many come first. */
  ahead: number;
}

/** An entry of `waiting_for` (`GET /v1/runs/{id}/waiting`, an extension). */
export function toWaitingV1({ job, constraint, text, until, key, capacity, ahead }: Waiting): WaitingV1 {
  return {
    ...(job.target !== 'step' && { step: job.target }),
    attempt: job.attempt,
    constraint,
    message: text,
    ...(until !== undefined && { until: formatInstant(until) }),
    ...(key && { key: { scope: key.scope, expression: key.expression, value: key.value ?? null } }),
    ...capacity,
    ahead,
  };
}
