import {
  operations,
  type OperationArgs,
  type OperationName,
  type OperationResult,
  type Tx,
} from '@perdure/store/simulation';

import type { VirtualTime } from '../core/virtual-time.ts';
import { MemoryTx } from './memory-tx.ts';

/** What the calls of one operation took. */
export interface OperationCost {
  calls: number;
  /** Commands of `Tx`. */
  commands: number;
  /** Of real time. */
  realMs: number;
}

/** Runs operations at the present instant of virtual time, and keeps account of them. */
export class SimulatedStore {
  readonly costs = new Map<OperationName, OperationCost>();
  readonly #tx = new MemoryTx();
  readonly #time: VirtualTime;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** The store's time is whole. */
  get now(): number {
    return Math.floor(this.#time.now);
  }

  run<Name extends OperationName>(name: Name, args: OperationArgs<Name>): OperationResult<Name> {
    const operation = operations[name] as (tx: Tx, now: number, args: unknown) => OperationResult<Name>;
    const cost = this.#costOf(name);
    const commandsBefore = this.#tx.commands;
    const startedAt = performance.now();
    const result = operation(this.#tx, this.now, args);
    cost.realMs += performance.now() - startedAt;
    cost.commands += this.#tx.commands - commandsBefore;
    cost.calls += 1;
    return result;
  }

  /** Forgets what operations took so far. */
  resetCosts(): void {
    this.costs.clear();
  }

  dump(): Record<string, unknown> {
    return this.#tx.dump();
  }

  #costOf(name: OperationName): OperationCost {
    const known = this.costs.get(name);
    if (known !== undefined) return known;
    const cost = { calls: 0, commands: 0, realMs: 0 };
    this.costs.set(name, cost);
    return cost;
  }
}
