import { closeSync, fdatasync, fstatSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

const flushFile = promisify(fdatasync);

/** Unasked, what was committed is durable after this long at most. */
const FLUSH_DELAY_MS = 1000;
/** The log is moved into the database when it is as long as this. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024;
/** Commits between two looks at its length. */
const COMMITS_PER_LOOK = 16;

/** An open database, of which the log is part. */
export interface LoggedDatabase {
  /** Moves the log into the database, as far as that is possible without waiting. */
  checkpoint(): void;
}

/**
 * The write-ahead log of an SQLite file: flushes it so that commits survive the loss of power, and moves it into the
 * database before it grows long. Both happen on other threads, so that a slow disk does not block the event loop: what
 * remains for it after a checkpoint is the few pages that were committed meanwhile.
 */
export class Wal {
  readonly #database: LoggedDatabase;
  readonly #file: string;
  readonly #fd: number;
  #worker: Worker | undefined;
  #isCheckpointing = false;
  #commits = 0;
  #isDirty = false;
  /** The flush that runs, and the one that follows it for those who ask meanwhile. */
  #running: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `file`: of the database; it must be open. */
  constructor(database: LoggedDatabase, file: string) {
    this.#database = database;
    this.#file = file;
    this.#fd = openSync(`${file}-wal`, 'r');
  }

  noteCommit(): void {
    this.#isDirty = true;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // A failure shows to whoever asks for durability; the next commit has it tried again.
      this.flush().catch(() => undefined);
    }, FLUSH_DELAY_MS).unref();
    this.#commits += 1;
    if (this.#commits % COMMITS_PER_LOOK === 0 && fstatSync(this.#fd).size >= CHECKPOINT_BYTES) this.#checkpoint();
  }

  /** Resolves when all that is committed now is durable. Callers of one time share the work. */
  flush(): Promise<void> {
    if (this.#running === undefined) {
      if (!this.#isDirty) return Promise.resolve();
      this.#running = this.#flushNow().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#following ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#following = undefined;
        return this.flush();
      });
    return this.#following;
  }

  async #flushNow(): Promise<void> {
    this.#isDirty = false;
    try {
      await flushFile(this.#fd);
    } catch (error) {
      this.#isDirty = true;
      throw error;
    }
  }

  #checkpoint(): void {
    if (this.#isCheckpointing) return;
    this.#isCheckpointing = true;
    this.#worker ??= this.#startWorker();
    this.#worker.postMessage('checkpoint', []);
  }

  #startWorker(): Worker {
    const script = import.meta.url.endsWith('.ts') ? './checkpointer.ts' : './checkpointer.js';
    const worker = new Worker(new URL(script, import.meta.url), { workerData: this.#file });
    const finish = (): void => {
      this.#isCheckpointing = false;
      // What was committed since, if anything: then the log is empty and starts over.
      this.#database.checkpoint();
    };
    worker.on('message', finish);
    worker.on('error', () => {
      // Without the thread this one does it all, until the next checkpoint starts another.
      this.#worker = undefined;
      finish();
    });
    worker.unref();
    return worker;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#worker?.terminate();
    try {
      await this.flush();
    } finally {
      closeSync(this.#fd);
    }
  }
}
