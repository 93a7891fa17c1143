import { closeSync, existsSync, fdatasync, openSync, readSync, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RootDatabase, Transaction } from 'lmdb';
import { currentBoot, isSameBoot } from './boot-id.ts';
import { encodeRestorePoint, readRestorePoint, restore } from './restore-point.ts';

const flushFile = promisify(fdatasync);
const writeFile = promisify(write);

const DATA_FILE = 'data.mdb';
const POINTS_FILE = 'restore-points';
/** Unasked, what was written is made durable after this long at most. */
const FLUSH_DELAY_MS = 1000;

/*
 * How commits are cheap and power may still fail.
 *
 * A commit that is flushed to disk costs 0.3 ms on a good disk and 10 ms on a bad one, and blocks; so the database is
 * opened without flushing. What a process that dies has written is in the page cache and safe. When the machine dies, though,
 * any part of the unflushed pages may be on disk, meta pages included, and the database may be damaged.
 *
 * A restore point prevents that. LMDB never overwrites a page of a snapshot that a read transaction holds, and a
 * snapshot is found from the meta pages alone. So: hold the latest snapshot, copy the meta pages, flush the data file,
 * write the copy beside it and flush that. From then on, and as long as the snapshot is held, copying the meta pages
 * back gives the database as it was, whatever was written since. The snapshot is held until the next point is durable.
 *
 * 1. On opening after another run of the operating system wrote last, the latest point is restored before use.
 * 2. A point exists, durable, before the first write after opening.
 * 3. All flushing is done by the thread pool; the event loop copies 8 KiB.
 */
export class RestorePoints {
  readonly #db: RootDatabase<unknown, never>;
  readonly #dataFd: number;
  readonly #pointsFd: number;
  readonly #metaBytes: number;
  readonly #boot = currentBoot();
  #serial: number;
  #held: Transaction | undefined;
  /** The point being taken, and the one that follows it for those who ask meanwhile. */
  #running: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isDirty = false;

  private constructor(db: RootDatabase<unknown, never>, path: string, serial: number, pageBytes: number) {
    this.#db = db;
    this.#dataFd = openSync(join(path, DATA_FILE), 'r');
    this.#pointsFd = openSync(join(path, POINTS_FILE), existsSync(join(path, POINTS_FILE)) ? 'r+' : 'w+');
    this.#serial = serial;
    this.#metaBytes = 2 * pageBytes;
  }

  /** Before the database is opened: gives it back its last durable state when power may have failed since. */
  static restoreIfNeeded(path: string): void {
    const point = readRestorePoint(join(path, POINTS_FILE));
    const dataFile = join(path, DATA_FILE);
    if (point && existsSync(dataFile) && !isSameBoot(point.boot, currentBoot())) restore(dataFile, point);
  }

  /** After it was opened, before anything is written. */
  static async start(db: RootDatabase<unknown, never>, path: string): Promise<RestorePoints> {
    const last = readRestorePoint(join(path, POINTS_FILE));
    const { pageSize } = db.getStats() as { pageSize: number };
    const points = new RestorePoints(db, path, last?.serial ?? 0, pageSize);
    await points.#take();
    return points;
  }

  /** Something was committed: it will be durable in a while, asked or not. */
  noteCommit(): void {
    this.#isDirty = true;
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // A failure shows to whoever asks for durability; the next commit tries again.
      this.flush().catch(() => undefined);
    }, FLUSH_DELAY_MS);
    this.#timer.unref();
  }

  /** Resolves when all that is committed now is durable. Callers of one time share the work. */
  flush(): Promise<void> {
    if (this.#running === undefined) {
      if (!this.#isDirty) return Promise.resolve();
      this.#running = this.#take().finally(() => (this.#running = undefined));
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

  async #take(): Promise<void> {
    this.#isDirty = false;
    this.#db.resetReadTxn();
    const snapshot = this.#db.useReadTransaction();
    const metaPages = Buffer.alloc(this.#metaBytes);
    readSync(this.#dataFd, metaPages, 0, this.#metaBytes, 0);
    try {
      await flushFile(this.#dataFd);
      const { bytes, offset } = encodeRestorePoint({ serial: this.#serial + 1, boot: this.#boot, metaPages });
      await writeFile(this.#pointsFd, bytes, 0, bytes.length, offset);
      await flushFile(this.#pointsFd);
    } catch (error) {
      this.#isDirty = true;
      snapshot.done();
      throw error;
    }
    this.#serial += 1;
    this.#held?.done();
    this.#held = snapshot;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      await this.flush();
    } finally {
      this.#held?.done();
      closeSync(this.#dataFd);
      closeSync(this.#pointsFd);
    }
  }
}
