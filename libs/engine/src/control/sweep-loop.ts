import { assertNever } from '@perdure/domain';
import type { Sweep } from '@perdure/history';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { replayRuns } from '../replay/replay-runs.ts';
import { cancelRuns } from './cancel-runs.ts';

/** How often new sweeps are looked for. */
const LOOK_MS = 1_000;
const SWEEPS_MAX = 100;

/** What one bit of a sweep came to. */
export interface SweepBit {
  /** Where the next one goes on. */
  cursor: string;
  seen: number;
  done: number;
  failed: number;
  /** All runs have been gone through. */
  isLast: boolean;
  /** When the next bit is due. */
  pauseMs: number;
}

/**
 * Carries on with what people want done to many runs: bulk cancellations and replays (execution.md 4.9, 5.13). One process does
 * it, with the upkeep of the first cell.
 *
 * After each bit of a sweep its progress is kept; what a process does that dies before, or that lost the duty without knowing,
 * is done again by the next: each kind of sweep recognises what is done already.
 */
export class SweepLoop {
  private readonly ports: Ports;
  private readonly loop: BackgroundLoop;
  /** By sweep, when its next bit is due. */
  private dueAt = new Map<string, number>();

  constructor(ports: Ports) {
    this.ports = ports;
    this.loop = new BackgroundLoop({ name: 'carry on with sweeps', log: ports.log, pass: () => this.pass() });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** A bit of each sweep that is due. */
  private async pass(): Promise<number> {
    const { sweeps, clock, log } = this.ports;
    const open = await sweeps.listOpenSweeps(SWEEPS_MAX);
    const dueAt = new Map(open.map(({ id }) => [id, this.dueAt.get(id) ?? 0]));
    this.dueAt = dueAt;
    for (const sweep of open) {
      if ((dueAt.get(sweep.id) ?? 0) > clock.now()) continue;
      try {
        dueAt.set(sweep.id, clock.now() + (await this.carryOn(sweep)));
      } catch (error) {
        log.warn('a sweep could not go on and will be tried again', { sweepId: sweep.id, kind: sweep.kind, error });
        dueAt.set(sweep.id, clock.now() + LOOK_MS);
      }
    }
    return Math.max(0, Math.min(LOOK_MS, ...[...dueAt.values()].map((at) => at - clock.now())));
  }

  private async carryOn(sweep: Sweep): Promise<number> {
    const { sweeps, clock, log } = this.ports;
    const { id, kind, functionId, cursor: from } = sweep;
    const { cursor: to, isLast, pauseMs, ...counts } = await this.nextBit(sweep);
    if (to === from && !isLast) return pauseMs;
    const moved = await sweeps.moveSweep({ id, from, to, ...counts, ...(isLast && { endedAt: clock.now() }) });
    if (moved && isLast) {
      const total = { seen: sweep.seen + counts.seen, done: sweep.done + counts.done };
      log.info('a sweep has gone through all its runs', { sweepId: id, kind, functionId, ...total });
    }
    return pauseMs;
  }

  private nextBit(sweep: Sweep): Promise<SweepBit> {
    switch (sweep.kind) {
      case 'cancellation':
        return cancelRuns(this.ports, sweep);
      case 'replay':
        return replayRuns(this.ports, sweep);
      default:
        return assertNever(sweep.kind);
    }
  }
}
