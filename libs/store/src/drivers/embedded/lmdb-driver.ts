import { diskFullError } from '@perdure/data-folder';
import { PerdureError, type Clock } from '@perdure/domain';
import type { Database } from 'lmdb';
import type { Driver } from '../../operation-store.ts';
import { operations, type OperationArgs, type OperationName, type OperationResult } from '../../operations/index.ts';
import type { Tx } from '../../operations/tx.ts';
import { dumpAll, LmdbTx } from './lmdb-tx.ts';
import type { RestorePoints } from './restore-points.ts';

/** Operations in one transaction at most, so that a burst does not hold up timers and sockets for long. */
const BATCH_MAX = 64;

interface Call {
  name: OperationName;
  args: unknown;
  resolve(result: never): void;
  reject(error: unknown): void;
}

/** The open database and what has to be closed with it. */
export interface LmdbFolder {
  path: string;
  db: Database<string, string>;
  restorePoints: RestorePoints;
  close(): Promise<void>;
}

/**
 * Runs operations over LMDB. Group commit: the calls of one turn of the event loop share a write transaction and are
 * answered when it is committed. If one of them throws, the transaction is undone and each runs in its own, so that the
 * failure is that call's alone and leaves nothing behind.
 */
export class LmdbDriver implements Driver {
  readonly #folder: LmdbFolder;
  readonly #clock: Clock;
  readonly #tx: LmdbTx;
  #queue: Call[] = [];
  #isScheduled = false;
  #isClosed = false;

  constructor(folder: LmdbFolder, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
    this.#tx = new LmdbTx(folder.db);
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
      const results = this.#transact(calls);
      for (const [index, call] of calls.entries()) call.resolve(results[index] as never);
    } catch (error) {
      if (calls.length > 1) for (const call of calls) this.#runBatch([call]);
      else for (const call of calls) void this.#explain(error).then((explained) => call.reject(explained));
    }
  }

  /** All or nothing; throws what an operation or the commit throws. */
  #transact(calls: Call[]): unknown[] {
    const now = this.#clock.now();
    try {
      const results = this.#folder.db.transactionSync(() => {
        const values = calls.map((call) => runOperation(this.#tx, now, call));
        this.#tx.flush();
        return values;
      });
      this.#folder.restorePoints.noteCommit();
      return results;
    } catch (error) {
      this.#tx.reset();
      throw error;
    }
  }

  async #explain(error: unknown): Promise<unknown> {
    if (error instanceof PerdureError) return error;
    return (
      (await diskFullError(this.#folder.path, error)) ??
      new PerdureError('STORE_FAILED', String(error), { cause: error })
    );
  }

  async dump(): Promise<Record<string, unknown>> {
    return dumpAll(this.#folder.db);
  }

  durable(): Promise<void> {
    return this.#folder.restorePoints.flush();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#runBatch(this.#queue.splice(0));
    await this.#folder.close();
  }
}

function runOperation(tx: Tx, now: number, call: Call): unknown {
  const operation = operations[call.name] as (tx: Tx, now: number, args: unknown) => unknown;
  return operation(tx, now, call.args);
}
