import { HistoryError } from '../../history-error.ts';
import { PgliteSession, type SessionResult } from './pglite-session.ts';
import type { WorkerStart } from './worker-messages.ts';

/**
 * A PGlite in a thread of its own, for as long as it is wanted: when the thread ends by itself, as it does when the disk
 * is full, the statements it had fail, and the next one starts it again.
 *
 * A transaction that was under way is gone then: its next statement is the `rollback` of whoever was told of the failure.
 */
export class PgliteThread {
  readonly #start: WorkerStart;
  readonly #onClosed: () => void;
  #session: PgliteSession;
  #restarting: Promise<PgliteSession> | undefined;
  #closing: Promise<void> | undefined;

  /** Rejects with the reason when the database cannot be started. */
  static async open(start: WorkerStart, onClosed: () => void = () => {}): Promise<PgliteThread> {
    return new PgliteThread(start, onClosed, await PgliteSession.open(start));
  }

  private constructor(start: WorkerStart, onClosed: () => void, session: PgliteSession) {
    this.#start = start;
    this.#onClosed = onClosed;
    this.#session = session;
  }

  async query(sql: string, parameters: readonly unknown[]): Promise<SessionResult> {
    if (this.#closing !== undefined) throw new HistoryError('HISTORY_UNAVAILABLE', 'the history database is closed');
    const session = this.#session.isAlive ? this.#session : await this.#restart();
    return session.query(sql, parameters);
  }

  /** Resolves when the folder is closed and the thread has ended. Repeating changes nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #restart(): Promise<PgliteSession> {
    this.#restarting ??= PgliteSession.open(this.#start)
      .then((session) => (this.#session = session))
      .catch((cause: unknown) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new HistoryError('HISTORY_UNAVAILABLE', `the history database does not start again: ${reason}`, {
          cause,
        });
      })
      .finally(() => {
        this.#restarting = undefined;
      });
    return this.#restarting;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([this.#restarting]);
    if (this.#session.isAlive) await this.#session.close();
    this.#onClosed();
  }
}
