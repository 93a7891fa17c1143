import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { functionLimits } from '../run/plan-run.ts';

/** All limits are given again this often: a store that lost one gets it back. */
const PERIOD_MS = 5 * 60_000;

/**
 * Gives the store the numbers of all registered functions: at the start, and whenever functions changed, whoever changed
 * them and wherever that process died. An older version changes nothing there, and neither does a repeat.
 */
export class LimitsLoop {
  private readonly ports: Ports;
  private readonly loop: BackgroundLoop;
  /** By function, the version that the store has. */
  private given = new Map<string, number>();
  private givenAllAt = -Infinity;
  private unsubscribe: (() => void) | undefined;

  constructor(ports: Ports) {
    this.ports = ports;
    this.loop = new BackgroundLoop({ name: 'give limits to the store', log: ports.log, pass: () => this.pass() });
  }

  start(): void {
    this.unsubscribe = this.ports.catalog.onChange(() => this.loop.nudge());
    this.loop.start();
  }

  async stop(): Promise<void> {
    this.unsubscribe?.();
    await this.loop.stop();
  }

  private async pass(): Promise<number> {
    const { catalog, store, clock } = this.ports;
    const now = clock.now();
    if (now - this.givenAllAt >= PERIOD_MS) {
      this.given = new Map();
      this.givenAllAt = now;
    }
    for (const fn of catalog.index.active()) {
      if (this.given.get(fn.id) === fn.version) continue;
      await store.setFunction(functionLimits(fn));
      this.given.set(fn.id, fn.version);
    }
    return PERIOD_MS;
  }
}
