import { setImmediate } from 'node:timers/promises';

import {
  operations,
  type Driver,
  type OperationArgs,
  type OperationName,
  type OperationResult,
  type Tx,
} from '@perdure/store/simulation';

import { MemoryTx } from './memory-tx.ts';

/** A driver of the store over `MemoryTx`: shows, by the store's own contract, that simulations run on what is right. */
export class MemoryDriver implements Driver {
  readonly #tx = new MemoryTx();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  async run<Name extends OperationName>(name: Name, args: OperationArgs<Name>): Promise<OperationResult<Name>> {
    // As with other drivers: whoever calls in a loop leaves the event loop to others.
    await setImmediate();
    const operation = operations[name] as (tx: Tx, now: number, args: unknown) => OperationResult<Name>;
    return operation(this.#tx, this.#now(), args);
  }

  async dump(): Promise<Record<string, unknown>> {
    return this.#tx.dump();
  }

  async durable(): Promise<void> {}

  async epoch(): Promise<string> {
    return 'memory';
  }

  async close(): Promise<void> {}
}
