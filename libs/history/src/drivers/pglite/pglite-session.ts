import { Worker } from 'node:worker_threads';

import { HistoryError } from '../../history-error.ts';
import { statementError } from '../sql/statement-error.ts';
import type { WorkerReply, WorkerRequest, WorkerStart } from './worker-messages.ts';

const WORKER = new URL(import.meta.url.endsWith('.ts') ? './pglite-worker.ts' : './pglite-worker.js', import.meta.url);

export interface SessionResult {
  rows: unknown[];
  affectedRows: number;
}

interface Pending {
  resolve: (result: SessionResult) => void;
  reject: (error: Error) => void;
}

/** One life of a PGlite thread. Statements run in the order of `query`. */
export class PgliteSession {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #failure: Error | undefined;
  #lastId = 0;

  /** Resolves when the database answers; rejects with the reason when it cannot be started. */
  static open(start: WorkerStart): Promise<PgliteSession> {
    return new Promise((resolve, reject) => {
      const session = new PgliteSession(start, {
        opened: () => resolve(session),
        failed: (message) => reject(new Error(message)),
      });
    });
  }

  private constructor(start: WorkerStart, on: { opened: () => void; failed: (message: string) => void }) {
    // Flags of this process are not for a thread that needs none, and some may not be given to one.
    this.#worker = new Worker(WORKER, { workerData: start, execArgv: [], name: 'history' });
    this.#worker.on('message', (message: WorkerReply) => {
      if (message.kind === 'opened') on.opened();
      else if (message.kind === 'open-failed') on.failed(message.message);
      else this.#settle(message);
    });
    this.#worker.on('error', (error) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      on.failed(this.#failure.message);
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#end(code);
        on.failed(`its thread ended with code ${code}`);
        resolve();
      });
    });
  }

  query(sql: string, parameters: readonly unknown[]): Promise<SessionResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject });
      this.#post({ id, sql, parameters });
    });
  }

  /** False once the thread is gone: nothing can be asked any more. */
  get isAlive(): boolean {
    return this.#failure === undefined;
  }

  /** Resolves when the folder is closed and the thread has ended. */
  async close(): Promise<void> {
    this.#post('close');
    await this.#ended;
  }

  #post(request: WorkerRequest): void {
    this.#worker.postMessage(request, []);
  }

  #settle(message: Extract<WorkerReply, { id: number }>): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === 'result') pending?.resolve(message);
    else pending?.reject(statementError(message.code, new Error(message.message)));
  }

  #end(code: number): void {
    const cause = this.#failure;
    this.#failure = new HistoryError('HISTORY_UNAVAILABLE', `the history database has ended (code ${code})`, { cause });
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}
