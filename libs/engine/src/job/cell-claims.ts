import type { ClaimedJob, Store } from '@perdure/store';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';

/** Jobs leased by one claim. */
const CLAIM_MAX = 32;
/** Look again after this long even if nothing is known to be due: covers lost hints. */
const FALLBACK_MS = 500;
/** Claims a second that an idle process may send, all cells together. */
const IDLE_CLAIMS_PER_SECOND_MAX = 4;
/** Never sooner than this, so that a job which is due but blocked does not spin. */
const WAKE_MIN_MS = 1;

/** What the claims of all cells share. */
export interface Slots {
  /** Takes up to `wanted` free slots for a claim; the caller uses or returns them. 0: all are taken. */
  reserve(wanted: number): number;
  release(unused: number): void;
  /** `claimTrace`: `traceparent` of the claim that the job came with, where that is traced. */
  execute(job: ClaimedJob, claimTrace: string | undefined): void;
}

/** Claims jobs of one cell whenever there may be some and there are free slots. */
export class CellClaims {
  private readonly ports: Ports;
  private readonly cell: number;
  private readonly store: Store;
  private readonly slots: Slots;
  private readonly workerId: string;
  private readonly loop: BackgroundLoop;
  private readonly fallbackMs: number;
  /** The last claim got all that it asked for, or could not ask: there may be more. */
  private mayHaveMore = false;
  /** When something was due as of the last claim. */
  private wakeAt: number | undefined;

  constructor(
    ports: Ports,
    { cell, store, slots, workerId }: { cell: number; store: Store; slots: Slots; workerId: string },
  ) {
    this.ports = ports;
    this.cell = cell;
    this.store = store;
    this.slots = slots;
    this.workerId = workerId;
    this.fallbackMs = Math.max(FALLBACK_MS, (ports.store.cells.length * 1_000) / IDLE_CLAIMS_PER_SECOND_MAX);
    this.loop = new BackgroundLoop({ name: `claim jobs of cell ${cell}`, log: ports.log, pass: () => this.claim() });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  nudge(): void {
    this.loop.nudge();
  }

  /** Slots became free: claims if jobs were left for want of them. Answers whether it does. */
  useFreeSlots(): boolean {
    if (!this.mayHaveMore) return false;
    this.loop.nudge();
    return true;
  }

  /** A claim that came when something was due may have ended a run or closed a buffer: whoever drains the outbox is told. */
  private noteFired(nextWakeAt: number | undefined): void {
    const { bus, clock } = this.ports;
    if (this.wakeAt !== undefined && clock.now() >= this.wakeAt) bus.publish('outbox-filled', { cell: this.cell });
    this.wakeAt = nextWakeAt;
  }

  /** One claim; answers when the next one is due. */
  private async claim(): Promise<number> {
    const { ids, settings, clock, telemetry } = this.ports;
    const jobsMax = this.slots.reserve(CLAIM_MAX);
    this.mayHaveMore = jobsMax === 0;
    if (jobsMax === 0) return this.fallbackMs;
    const { metrics, tracer } = telemetry;
    const startedAt = performance.now();
    // Of claims that find nothing there is no span: it is not ended.
    const span = tracer?.start('job.claim', { attributes: { 'perdure.cell': this.cell } });
    let claimed = 0;
    try {
      const { jobs, nextWakeAt } = await this.store.claim({
        workerId: this.workerId,
        claimId: ids.token(),
        jobsMax,
        leaseMs: settings.leaseMs,
      });
      claimed = jobs.length;
      this.noteFired(nextWakeAt);
      metrics.claimSeconds.observe((performance.now() - startedAt) / 1_000);
      metrics.claimJobs.observe(claimed);
      if (claimed > 0) {
        span?.set({ 'perdure.jobs': claimed });
        span?.end();
      }
      for (const job of jobs) this.slots.execute(job, span?.traceparent);
      if (jobs.length === jobsMax) {
        this.mayHaveMore = true;
        return 0;
      }
      if (nextWakeAt === undefined) return this.fallbackMs;
      return Math.max(WAKE_MIN_MS, Math.min(this.fallbackMs, nextWakeAt - clock.now()));
    } finally {
      this.slots.release(jobsMax - claimed);
    }
  }
}
