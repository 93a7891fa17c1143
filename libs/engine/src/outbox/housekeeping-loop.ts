import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';

/** Keys or rows dropped by one operation. */
const DROPPED_MAX = 500;
/** Pause when there is nothing left to drop. */
const IDLE_MS = 10_000;
/** Pause between two bounded portions of a long clean-up, so that it never holds up work. */
const BUSY_MS = 20;

/** Drops what nothing refers to any more: expired keys and remains of ended runs, history beyond its retention. */
export class HousekeepingLoop {
  private readonly loop: BackgroundLoop;
  private readonly ports: Ports;

  constructor(ports: Ports) {
    this.ports = ports;
    this.loop = new BackgroundLoop({ name: 'housekeeping', log: ports.log, pass: () => this.pass() });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async pass(): Promise<number> {
    const { store, history, clock, settings } = this.ports;
    const keys = await store.collectGarbage(DROPPED_MAX);
    const rows = await history.deleteOlderThan(clock.now() - settings.retentionMs, DROPPED_MAX);
    return keys >= DROPPED_MAX || rows >= DROPPED_MAX ? BUSY_MS : IDLE_MS;
  }
}
