import { cellOfRun } from '@perdure/domain';
import type { ClaimedJob } from '@perdure/store';
import type { Ports } from '../ports.ts';
import { CellClaims, type Slots } from './cell-claims.ts';
import { executeJob, leaseOf } from './execute-job.ts';
import { jobFacts } from './watch-job.ts';

/**
 * Claims jobs of all cells and executes them, up to `executorConcurrency` at once.
 *
 * Invariants:
 * 1. Never more jobs are claimed than there are free slots.
 * 2. Each leased job is in `held` from its claim to its commit, and its lease is extended every third of its length.
 * 3. A slot that becomes free, a hint that jobs are ready, and the time the store named each lead to a claim; where jobs
 *    wait in several cells, these take turns.
 * 4. After `stop` nothing is claimed; what is in flight has `drainMs` to finish, the rest is given back unspent.
 */
export class JobLoop {
  private readonly ports: Ports;
  private readonly claims: CellClaims[];
  private readonly held = new Map<string, ClaimedJob>();
  private readonly executing = new Set<Promise<void>>();
  private readonly abort = new AbortController();
  /** Slots taken by claims that are under way. */
  private reserved = 0;
  /** The cell that is offered a free slot first. */
  private turn = 0;
  private extending: NodeJS.Timeout | undefined;
  private unsubscribe: (() => void)[] = [];

  constructor(ports: Ports) {
    this.ports = ports;
    const workerId = ports.ids.token();
    const slots: Slots = {
      reserve: (wanted) => this.reserve(wanted),
      release: (unused) => (this.reserved -= unused),
      execute: (job, claimTrace) => this.execute(job, claimTrace),
    };
    this.claims = ports.store.cells.map((store, cell) => new CellClaims(ports, { cell, store, slots, workerId }));
  }

  start(): void {
    const { bus, settings, telemetry } = this.ports;
    const nudgeAll = (): void => {
      for (const claims of this.claims) claims.nudge();
    };
    this.unsubscribe = [
      bus.subscribe('jobs-ready', ({ cell }) => this.claims[cell]?.nudge()),
      bus.onGap(nudgeAll),
      telemetry.metrics.sample({
        name: 'executor',
        metrics: ['callsInProgress', 'executorSlots'],
        freshMs: 0,
        read: () => [
          { metric: 'callsInProgress', value: this.executing.size },
          { metric: 'executorSlots', value: settings.executorConcurrency },
        ],
      }),
    ];
    this.extending = setInterval(() => void this.extendLeases(), this.ports.settings.leaseMs / 3);
    for (const claims of this.claims) claims.start();
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.unsubscribe.splice(0)) unsubscribe();
    await Promise.all(this.claims.map((claims) => claims.stop()));
    await this.drain();
    clearInterval(this.extending);
  }

  private reserve(wanted: number): number {
    const free = this.ports.settings.executorConcurrency - this.executing.size - this.reserved;
    const granted = Math.max(0, Math.min(wanted, free));
    this.reserved += granted;
    return granted;
  }

  /** The job's slot was reserved by the claim that it came with. */
  private execute(claimed: ClaimedJob, claimTrace: string | undefined): void {
    this.reserved -= 1;
    this.held.set(claimed.jobId, claimed);
    const execution = this.run(claimed, claimTrace).then((hasReady) => {
      this.executing.delete(execution);
      this.claimNext(hasReady ? cellOfRun(claimed.run.runId, this.claims.length) : undefined);
    });
    this.executing.add(execution);
  }

  /** A slot is free; `readyCell`: where jobs became ready with what was done in it. */
  private claimNext(readyCell: number | undefined): void {
    if (readyCell !== undefined) this.noteReady(readyCell);
    for (let i = 0; i < this.claims.length; i += 1) {
      this.turn = (this.turn + 1) % this.claims.length;
      if (this.claims[this.turn]?.useFreeSlots() === true) break;
    }
  }

  /** Claims what became ready. */
  private noteReady(cell: number): void {
    this.claims[cell]?.nudge();
    const isFull = this.executing.size + this.reserved >= this.ports.settings.executorConcurrency;
    // Another process may have room for them.
    if (isFull) this.ports.bus.publish('jobs-ready', { cell });
  }

  /** Executes the job and those chained to it; answers whether other jobs may have become ready. Never fails. */
  private async run(claimed: ClaimedJob, claimTrace: string | undefined): Promise<boolean> {
    let current = claimed;
    const onJob = (job: ClaimedJob): void => {
      this.held.delete(current.jobId);
      current = job;
      this.held.set(job.jobId, job);
    };
    const onReady = (): void => this.noteReady(cellOfRun(claimed.run.runId, this.claims.length));
    const { signal } = this.abort;
    try {
      const { hasReady } = await executeJob(this.ports, claimed, { signal, onJob, onReady, claimTrace });
      return hasReady;
    } catch (error) {
      // The lease runs out and the job is claimed again.
      this.ports.log.error('a job could not be executed', { ...jobFacts(current), error });
      return false;
    } finally {
      // A job given up at the end of a drain stays held: it is given back.
      if (!signal.aborted) this.held.delete(current.jobId);
    }
  }

  private async extendLeases(): Promise<void> {
    const { store, settings, log, telemetry } = this.ports;
    await Promise.all(
      [...this.held.values()].map(async (job) => {
        try {
          const result = await store.extend(leaseOf(job), settings.leaseMs);
          if (result !== 'stale') return;
          telemetry.metrics.leasesLost.add(1);
          log.debug('a lease was lost', jobFacts(job));
        } catch (error) {
          log.warn('a lease could not be extended', { ...jobFacts(job), error });
        }
      }),
    );
  }

  private async drain(): Promise<void> {
    if (this.executing.size === 0) return;
    const timer = setTimeout(() => this.abort.abort(), this.ports.settings.drainMs);
    await Promise.all(this.executing);
    clearTimeout(timer);
    await Promise.all([...this.held.values()].map((job) => this.giveBack(job)));
  }

  private async giveBack(job: ClaimedJob): Promise<void> {
    const { store, clock, log, telemetry } = this.ports;
    try {
      await store.retry({
        lease: leaseOf(job),
        notBefore: clock.now(),
        reason: 'drain',
      });
      telemetry.metrics.jobsGivenBack.add(1);
    } catch (error) {
      log.warn('a job could not be given back', { ...jobFacts(job), error });
    }
  }
}
