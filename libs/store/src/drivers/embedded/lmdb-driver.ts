import { PerdureError, type Clock } from '@perdure/domain';
import type { RootDatabase } from 'lmdb';
import type { Driver } from '../../operation-store.ts';
import { operations, type OperationArgs, type OperationName, type OperationResult } from '../../operations/index.ts';
import type { Tx } from '../../operations/tx.ts';
import { dumpAll, LmdbTx } from './lmdb-tx.ts';

/** Operations in one transaction at most, so that a burst does not hold up timers and sockets for long. */
const BATCH_MAX = 64;

interface Call {
  name: OperationName;
  args: unknown;
  resolve(result: never): void;
  reject(error: unknown): void;
}

type Outcome = { call: Call; result: unknown };

/**
 * Runs operations over LMDB. Group commit: the calls of one turn of the event loop share a write transaction and are
 * answered when it is committed. If one of them throws, the transaction is undone and each runs in its own, so that the
 * failure is that call's alone and leaves nothing behind.
 */
export class LmdbDriver implements Driver {
  readonly #db: RootDatabase<string, string>;
  readonly #clock: Clock;
  readonly #tx: LmdbTx;
  #queue: Call[] = [];
  #isScheduled = false;
  #isClosed = false;

  constructor(db: RootDatabase<string, string>, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    this.#tx = new LmdbTx(db);
  }

  run<Name extends OperationName>(name: Name, args: OperationArgs<Name>): Promise<OperationResult<Name>> {
    if (this.#isClosed) return Promise.reject(new PerdureError('STORE_CLOSED', 'the store is closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ name, args, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#runBatch(this.#queue.splice(0, BATCH_MAX));
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  #runBatch(calls: Call[]): void {
    try {
      for (const { call, result } of this.#transact(calls)) call.resolve(result as never);
    } catch (error) {
      const only = calls.length === 1 ? calls[0] : undefined;
      if (only) only.reject(error);
      else for (const call of calls) this.#runBatch([call]);
    }
  }

  #transact(calls: Call[]): Outcome[] {
    const now = this.#clock.now();
    try {
      return this.#db.transactionSync(() => {
        const outcomes = calls.map((call) => ({ call, result: runOperation(this.#tx, now, call) }));
        this.#tx.flush();
        return outcomes;
      });
    } catch (error) {
      this.#tx.reset();
      throw error;
    }
  }

  async dump(): Promise<Record<string, unknown>> {
    return dumpAll(this.#db);
  }

  async durable(): Promise<void> {
    await this.#db.flushed;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#db.close();
  }
}

function runOperation(tx: Tx, now: number, call: Call): unknown {
  const operation = operations[call.name] as (tx: Tx, now: number, args: unknown) => unknown;
  return operation(tx, now, call.args);
}
