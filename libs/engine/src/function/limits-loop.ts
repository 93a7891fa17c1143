import type { FunctionId } from '@perdure/domain';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';

/** All is given again this often: a store that lost some gets it back. */
const PERIOD_MS = 5 * 60_000;

/**
 * Gives the store the numbers of all registered functions, overrides included, and which of them are held: at the start, and whenever functions
 * changed, whoever changed them and wherever that process died. An older version changes nothing there, and neither does a
 * repeat.
 */
export class LimitsLoop {
  private readonly ports: Ports;
  private readonly loop: BackgroundLoop;
  /** By function, the version and revision that the store has. */
  private given = new Map<FunctionId, string>();
  /** By function, the state that the store has; absent for one that was never held. */
  private givenStates = new Map<FunctionId, string>();
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
    const { clock } = this.ports;
    const now = clock.now();
    if (now - this.givenAllAt >= PERIOD_MS) {
      this.given = new Map();
      // Those that were held and are no more are given once more, too.
      this.givenStates = new Map([...this.givenStates.keys()].map((id) => [id, 'unknown']));
      this.givenAllAt = now;
    }
    await this.giveLimits();
    await this.giveStates();
    return PERIOD_MS;
  }

  private async giveLimits(): Promise<void> {
    const { catalog, store } = this.ports;
    for (const fn of catalog.index.active()) {
      const limits = catalog.limitsOf(fn);
      const giving = `${limits.version}.${limits.revision ?? 0}`;
      if (this.given.get(fn.id) === giving) continue;
      await store.setFunction(limits);
      this.given.set(fn.id, giving);
    }
  }

  private async giveStates(): Promise<void> {
    const { held } = this.ports.catalog;
    for (const id of new Set([...this.givenStates.keys(), ...held.keys()])) {
      const state = held.get(id) ?? 'active';
      if (this.givenStates.get(id) === state) continue;
      await this.ports.store.setFunctionState(id, state);
      this.givenStates.set(id, state);
    }
  }
}
