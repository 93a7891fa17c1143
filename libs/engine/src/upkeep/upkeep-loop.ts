import type { Store } from '@perdure/store';
import { SweepLoop } from '../control/sweep-loop.ts';
import { CronLoop } from '../cron/cron-loop.ts';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { housekeepingLoop } from './housekeeping-loop.ts';
import { OutboxLoop } from './outbox-loop.ts';
import { idlePace } from './pace.ts';
import { ReconcileLoop } from './reconcile-loop.ts';
import { RekeyLoop } from './rekey-loop.ts';
import { StateLossLoop } from './state-loss-loop.ts';
import { storeOfCell } from './store-of-cell.ts';

/** How often a duty is asked for or kept. */
const RENEW_MS = 1_500;
/** A duty is lost after this many renewals that did not come. */
const RENEWALS_PER_LEASE = 3;

interface Work {
  start(): void;
  stop(): Promise<void>;
}

/**
 * Keeps one cell in order while this process has that duty: drains its outbox, drops what is left over, reconciles, re-keys. Of any
 * number of runners one does it, and another takes over when it is gone.
 *
 * Modes: asking -> (duty taken) on duty -> (duty lost) asking. What a process does after it lost the duty without knowing
 * is harmless: all of it stands being done twice.
 */
export class UpkeepLoop {
  private readonly ports: Ports;
  private readonly cell: number;
  private readonly holder: string;
  private readonly renewMs: number;
  private readonly asking: BackgroundLoop;
  private work: Work[] = [];

  constructor(ports: Ports, cell: number) {
    this.ports = ports;
    this.cell = cell;
    this.holder = ports.ids.token();
    this.renewMs = idlePace(RENEW_MS, ports.store.cells.length);
    this.asking = new BackgroundLoop({ name: `upkeep of cell ${cell}`, log: ports.log, pass: () => this.ask() });
  }

  start(): void {
    this.asking.start();
  }

  async stop(): Promise<void> {
    await this.asking.stop();
    if (this.work.length === 0) return;
    await this.end();
    try {
      await this.store.dropDuty({ duty: 'upkeep', holder: this.holder });
    } catch (error) {
      this.ports.log.debug('a duty could not be given back; it runs out', { cell: this.cell, error });
    }
  }

  private get store(): Store {
    return storeOfCell(this.ports, this.cell);
  }

  private async ask(): Promise<number> {
    const leaseMs = this.renewMs * RENEWALS_PER_LEASE;
    const isMine = await this.store.takeDuty({ duty: 'upkeep', holder: this.holder, leaseMs });
    if (isMine && this.work.length === 0) this.begin();
    if (!isMine && this.work.length > 0) {
      this.ports.log.info('the upkeep of a cell went to another process', { cell: this.cell });
      await this.end();
    }
    return this.renewMs;
  }

  private begin(): void {
    const { ports, cell, store } = this;
    ports.log.debug('this process does the upkeep of a cell', { cell });
    ports.telemetry.metrics.dutiesHeld.add(1, 'upkeep');
    this.work = [
      new OutboxLoop(ports, cell),
      housekeepingLoop(ports, `housekeeping of cell ${cell}`, (atMost) => store.collectGarbage(atMost)),
      new ReconcileLoop(ports, cell),
      new RekeyLoop(ports, cell),
    ];
    // What concerns the whole platform is done with the first cell.
    if (cell === 0)
      this.work.push(this.retention(), new StateLossLoop(ports), new CronLoop(ports), new SweepLoop(ports));
    for (const work of this.work) work.start();
  }

  private retention(): Work {
    const { history, clock, settings } = this.ports;
    return housekeepingLoop(this.ports, 'retention', (atMost) =>
      history.deleteOlderThan(clock.now() - settings.retentionMs, atMost),
    );
  }

  private async end(): Promise<void> {
    const work = this.work;
    this.work = [];
    this.ports.telemetry.metrics.dutiesHeld.add(-1, 'upkeep');
    await Promise.all(work.map((loop) => loop.stop()));
  }
}
