import type { ClaimedJob } from '@perdure/store';
import { BackgroundLoop } from '../loop/background-loop.ts';
import { DRAIN_MS, type Ports } from '../ports.ts';
import { executeJob, leaseOf } from './execute-job.ts';

/** Jobs leased by one claim. */
const CLAIM_MAX = 32;
/** Look again after this long even if nothing is known to be due: covers lost hints. */
const FALLBACK_MS = 500;
/** Never sooner than this, so that a job which is due but blocked does not spin. */
const WAKE_MIN_MS = 1;

/**
 * Claims jobs and executes them, up to `executorConcurrency` at once.
 *
 * Invariants:
 * 1. Never more jobs are claimed than there are free slots.
 * 2. Each leased job is in `held` from its claim to its commit, and its lease is extended every third of its length.
 * 3. A slot that becomes free, a hint that jobs are ready, and the time the store named each lead to a claim.
 * 4. After `stop` nothing is claimed; what is in flight has `DRAIN_MS` to finish, the rest is given back unspent.
 */
export class JobLoop {
  private readonly ports: Ports;
  private readonly claims: BackgroundLoop;
  private readonly held = new Map<string, ClaimedJob>();
  private readonly executing = new Set<Promise<void>>();
  private readonly abort = new AbortController();
  private readonly workerId: string;
  private isClaimingFull = false;
  private extending: NodeJS.Timeout | undefined;
  private unsubscribe: (() => void) | undefined;

  constructor(ports: Ports) {
    this.ports = ports;
    this.workerId = ports.ids.token();
    this.claims = new BackgroundLoop({ name: 'claim jobs', log: ports.log, pass: () => this.claim() });
  }

  start(): void {
    this.unsubscribe = this.ports.bus.subscribe('jobs-ready', () => this.claims.nudge());
    this.extending = setInterval(() => void this.extendLeases(), this.ports.settings.leaseMs / 3);
    this.claims.start();
  }

  async stop(): Promise<void> {
    this.unsubscribe?.();
    await this.claims.stop();
    await this.drain();
    clearInterval(this.extending);
  }

  private freeSlots(): number {
    return this.ports.settings.executorConcurrency - this.executing.size;
  }

  /** One claim; answers when the next one is due. */
  private async claim(): Promise<number> {
    const jobsMax = Math.min(this.freeSlots(), CLAIM_MAX);
    this.isClaimingFull = jobsMax === 0;
    if (jobsMax === 0) return FALLBACK_MS;
    const { store, ids, settings, clock } = this.ports;
    const { jobs, nextWakeAt } = await store.claim({
      workerId: this.workerId,
      claimId: ids.token(),
      jobsMax,
      leaseMs: settings.leaseMs,
    });
    for (const job of jobs) this.execute(job);
    if (jobs.length === jobsMax) return 0;
    if (nextWakeAt === undefined) return FALLBACK_MS;
    return Math.max(WAKE_MIN_MS, Math.min(FALLBACK_MS, nextWakeAt - clock.now()));
  }

  private execute(claimed: ClaimedJob): void {
    this.held.set(claimed.jobId, claimed);
    const execution = this.run(claimed).then((hasReady) => {
      this.executing.delete(execution);
      if (hasReady || this.isClaimingFull) this.claims.nudge();
    });
    this.executing.add(execution);
  }

  /** Executes the job and those chained to it; answers whether other jobs may have become ready. Never fails. */
  private async run(claimed: ClaimedJob): Promise<boolean> {
    let current = claimed;
    const onJob = (job: ClaimedJob): void => {
      this.held.delete(current.jobId);
      current = job;
      this.held.set(job.jobId, job);
    };
    const { signal } = this.abort;
    try {
      const { hasReady } = await executeJob(this.ports, claimed, { signal, onJob });
      return hasReady;
    } catch (error) {
      // The lease runs out and the job is claimed again.
      this.ports.log.error('a job could not be executed', { jobId: current.jobId, runId: current.run.runId, error });
      return false;
    } finally {
      // A job given up at the end of a drain stays held: it is given back.
      if (!signal.aborted) this.held.delete(current.jobId);
    }
  }

  private async extendLeases(): Promise<void> {
    const { store, settings, log } = this.ports;
    await Promise.all(
      [...this.held.values()].map(async (job) => {
        try {
          const result = await store.extend(leaseOf(job), settings.leaseMs);
          if (result === 'stale') log.debug('a lease was lost', { jobId: job.jobId, runId: job.run.runId });
        } catch (error) {
          log.warn('a lease could not be extended', { jobId: job.jobId, runId: job.run.runId, error });
        }
      }),
    );
  }

  private async drain(): Promise<void> {
    if (this.executing.size === 0) return;
    const timer = setTimeout(() => this.abort.abort(), DRAIN_MS);
    await Promise.all(this.executing);
    clearTimeout(timer);
    await Promise.all([...this.held.values()].map((job) => this.giveBack(job)));
  }

  private async giveBack(job: ClaimedJob): Promise<void> {
    const { store, clock, log } = this.ports;
    try {
      await store.retry({
        lease: leaseOf(job),
        notBefore: clock.now(),
        reason: 'drain',
      });
    } catch (error) {
      log.warn('a job could not be given back', { jobId: job.jobId, runId: job.run.runId, error });
    }
  }
}
