import type { Store } from '@perdure/store';
import { parseStoredEvent } from '@perdure/protocol';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { handleAgain } from '../event/handle-event.ts';
import { idlePace, paceBySize } from './pace.ts';
import { storeOfCell } from './store-of-cell.ts';

/** How often everything is gone through, or less often where there is much. */
const PERIOD_MS = 5 * 60_000;
/** A live run is looked at in 15 to 30 microseconds: 0.3 % of the time, however many runs there are. */
const PERIOD_MS_PER_RUN = 10;
/** How often the store is asked whether it lost something. */
const LOOK_MS = 5_000;
/** Runs looked at by one operation. */
const RUNS_MAX = 50;
/** Pause between two of them, so that work goes on in between. */
const PAGE_PAUSE_MS = 10;
/** Writes of this time before a loss was noticed may be gone. */
const LOSS_WINDOW_MS = 60_000;
/** Events read back at once. */
const EVENTS_MAX = 500;

/**
 * Restores the invariants of a cell every few minutes, and at once when its store may have lost its last writes: after a
 * restart or a failover (execution.md 7.2, reconciliation 1 and 3 to 5). Events of the last minute are then handed to their
 * functions once more; those that have their run answer with it.
 */
export class ReconcileLoop {
  private readonly ports: Ports;
  private readonly cell: number;
  private readonly loop: BackgroundLoop;
  private epoch: string | undefined;
  private lookedAt: number;
  private reconciledAt = -Infinity;
  private periodMs = PERIOD_MS;

  constructor(ports: Ports, cell: number) {
    this.ports = ports;
    this.cell = cell;
    this.lookedAt = ports.clock.now();
    this.loop = new BackgroundLoop({ name: `reconcile cell ${cell}`, log: ports.log, pass: () => this.pass() });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private get store(): Store {
    return storeOfCell(this.ports, this.cell);
  }

  private async pass(): Promise<number> {
    const { clock, store } = this.ports;
    const now = clock.now();
    const epoch = await this.store.epoch();
    // Whoever takes over the duty cannot know what its predecessor knew.
    if (epoch !== this.epoch) {
      if (this.epoch !== undefined) this.ports.log.warn('the store was restarted or failed over', { cell: this.cell });
      await this.recover(this.lookedAt - LOSS_WINDOW_MS);
      this.epoch = epoch;
      this.reconciledAt = -Infinity;
    }
    this.lookedAt = now;
    if (now - this.reconciledAt >= this.periodMs) {
      this.periodMs = paceBySize(PERIOD_MS, await this.reconcile(), PERIOD_MS_PER_RUN);
      this.reconciledAt = now;
    }
    return idlePace(LOOK_MS, store.cells.length * 2);
  }

  /** Brings back what was acknowledged and is kept elsewhere: the numbers of functions, events that should have runs. */
  private async recover(since: number): Promise<void> {
    const { stream, catalog, log, bus } = this.ports;
    await Promise.all(catalog.index.active().map((fn) => this.store.setFunction(catalog.limitsOf(fn))));
    let after = 0;
    let events = 0;
    for (;;) {
      const messages = await stream.readSince('events', since, after, EVENTS_MAX);
      const last = messages.at(-1);
      if (last === undefined) break;
      await Promise.all(messages.map(({ body }) => handleAgain(this.ports, parseStoredEvent(body), this.cell)));
      events += messages.length;
      after = last.seq;
    }
    if (events > 0) log.debug('events of the last minute were looked at again', { cell: this.cell, events });
    bus.publish('jobs-ready', { cell: this.cell });
  }

  /** Answers how many live runs there were. */
  private async reconcile(): Promise<number> {
    const { log, bus } = this.ports;
    const found = { runs: 0, redriven: [] as string[], holders: 0, lanes: 0 };
    let cursor: string | undefined;
    do {
      const page = await this.store.reconcile({ runsMax: RUNS_MAX, ...(cursor !== undefined && { cursor }) });
      found.runs += page.runs;
      found.redriven.push(...page.redriven);
      found.holders += page.holders;
      found.lanes += page.lanes;
      cursor = page.cursor;
      if (cursor !== undefined) await new Promise((resolve) => setTimeout(resolve, PAGE_PAUSE_MS));
    } while (cursor !== undefined);
    if (found.redriven.length + found.holders + found.lanes === 0) return found.runs;
    const { reconcileRepairs } = this.ports.telemetry.metrics;
    reconcileRepairs.add(found.redriven.length, 'run');
    reconcileRepairs.add(found.holders, 'holder');
    reconcileRepairs.add(found.lanes, 'lane');
    log.warn('a cell was put in order', { cell: this.cell, ...found });
    bus.publish('jobs-ready', { cell: this.cell });
    return found.runs;
  }
}
