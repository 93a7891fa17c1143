import { assertNever } from '@perdure/domain';
import type { SdkAnswer } from '@perdure/protocol';
import type { ClaimedJob } from '@perdure/store';
import type { Span } from '@perdure/telemetry';
import { slugOf } from '../function/slug-of.ts';
import type { Ports } from '../ports.ts';
import { parseRunMeta, traceFacts } from '../run/run-meta.ts';
import type { Commit } from './decide-commit.ts';

/** How the executor came by a job: with a claim, or with the commit of the job before it. */
export type TakenBy = { how: 'claimed'; claimTrace?: string | undefined } | { how: 'chained' };

/** Counts and traces what is done for one job: the call of the application, and the commit of what it answered. */
export class JobWatch {
  readonly #ports: Ports;
  readonly #job: ClaimedJob;
  readonly #taken: TakenBy;
  readonly #slug: string;
  #call: Span | undefined;
  #callStartedAt: number | undefined;
  #callMs = 0;

  constructor(ports: Ports, job: ClaimedJob, taken: TakenBy) {
    this.#ports = ports;
    this.#job = job;
    this.#taken = taken;
    this.#slug = slugOf(ports, job.run.functionId);
    ports.telemetry.metrics.jobsTaken.add(1, this.#slug, taken.how);
  }

  /** Answers the `traceparent` that the application is given, where the call is traced. */
  callStarts(url: string): string | undefined {
    const { metrics, tracer } = this.#ports.telemetry;
    metrics.callsStarted.add(1, this.#slug);
    this.#callStartedAt = performance.now();
    this.#call = tracer?.start('step.call', {
      parent: parseRunMeta(this.#job.run.meta).trace,
      links: this.#taken.how === 'claimed' && this.#taken.claimTrace !== undefined ? [this.#taken.claimTrace] : [],
      attributes: {
        'http.request.method': 'POST',
        'url.full': url,
        'perdure.run_id': this.#job.run.runId,
        'perdure.function': this.#slug,
        'perdure.target': this.#job.target,
        'perdure.attempt': this.#job.attempt,
      },
    });
    return this.#call?.traceparent;
  }

  callEnds(answer: SdkAnswer | 'aborted'): void {
    this.#callMs = performance.now() - (this.#callStartedAt ?? 0);
    if (answer === 'aborted') this.#call?.end('aborted');
    else if (answer.kind === 'failed') this.#call?.end(answer.code ?? answer.error.message);
    else this.#call?.end();
  }

  /** Does `act`, which commits what was decided, and tells how long it took. */
  async committing<T>(commit: Commit, act: () => Promise<T>): Promise<T> {
    const { metrics, tracer } = this.#ports.telemetry;
    if (this.#callStartedAt !== undefined) {
      metrics.callSeconds.observe(this.#callMs / 1_000, this.#slug, outcomeOf(commit));
    }
    const span = tracer?.start('step.commit', {
      parent: this.#call?.traceparent,
      attributes: { 'perdure.run_id': this.#job.run.runId, 'perdure.commit': commit.kind },
    });
    const startedAt = performance.now();
    try {
      return await act();
    } catch (error) {
      span?.end(error);
      throw error;
    } finally {
      metrics.stepCommitSeconds.observe((performance.now() - startedAt) / 1_000, commit.kind);
      span?.end();
    }
  }
}

/** What a line of the log says of the job that it is about. */
export function jobFacts(job: ClaimedJob): Record<string, unknown> {
  const { jobId, target, attempt, run } = job;
  return { runId: run.runId, functionId: run.functionId, jobId, target, attempt, ...traceFacts(run.meta) };
}

/** http-api.md 5.6: `errored` calls are repeated, `failed` ones are not. */
function outcomeOf(commit: Commit): 'success' | 'errored' | 'failed' {
  switch (commit.kind) {
    case 'advance':
    case 'complete':
      return 'success';
    case 'retry':
      return 'errored';
    case 'fail':
      return 'failed';
    default:
      return assertNever(commit);
  }
}
