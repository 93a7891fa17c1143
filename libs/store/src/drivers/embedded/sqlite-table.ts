import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { openLoggedDatabase, otherLayout } from '@perdure/data-folder';

/** Pages kept in memory, in KiB (a negative cache_size). */
const CACHE_KIB = 64 * 1024;
/**
 * Of the records: grows with each change that what is stored before would be misread by. There is no way from one layout to another: runs
 * are short-lived, and a folder is one process' own.
 */
const LAYOUT = 1;

/**
 * One ordered table of strings in SQLite: keys sort by the bytes of their UTF-8. Everything happens inside `transact`.
 *
 * Write-ahead logging with synchronous = NORMAL: a commit is appended to the log without waiting for the disk, so it
 * survives the death of the process; when power fails, the log is read up to the last transaction that is whole, so the
 * database is never damaged. Who needs more flushes the log (`Wal` of libs/data-folder, which also moves it into the database).
 */
export class SqliteTable {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #get: StatementSync;
  readonly #has: StatementSync;
  readonly #put: StatementSync;
  readonly #add: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeRange: StatementSync;
  readonly #rows: StatementSync;
  readonly #keys: StatementSync;
  readonly #count: StatementSync;

  /** `file`: a path, or `:memory:`. Throws FOLDER_OTHER_LAYOUT, and leaves the file as it is, when another version has written it. */
  constructor(file: string) {
    this.#db = openLoggedDatabase(file, CACHE_KIB);
    try {
      ensureLayout(this.#db, file);
    } catch (error) {
      this.#db.close();
      throw error;
    }
    this.#begin = this.#db.prepare('BEGIN IMMEDIATE');
    this.#commit = this.#db.prepare('COMMIT');
    this.#rollback = this.#db.prepare('ROLLBACK');
    this.#get = this.#db.prepare('SELECT value FROM records WHERE key = ?');
    this.#has = this.#db.prepare('SELECT 1 FROM records WHERE key = ?');
    this.#put = this.#db.prepare('INSERT OR REPLACE INTO records VALUES (?, ?)');
    this.#add = this.#db.prepare('INSERT OR IGNORE INTO records VALUES (?, ?)');
    this.#remove = this.#db.prepare('DELETE FROM records WHERE key = ?');
    this.#removeRange = this.#db.prepare('DELETE FROM records WHERE key >= ? AND key < ?');
    this.#rows = this.#db.prepare('SELECT key, value FROM records WHERE key >= ? AND key < ? ORDER BY key');
    this.#keys = this.#db.prepare('SELECT key FROM records WHERE key >= ? AND key < ? ORDER BY key LIMIT ?');
    this.#count = this.#db.prepare('SELECT count(*) FROM records WHERE key >= ? AND key < ?');
    for (const read of [this.#get, this.#has, this.#rows, this.#keys, this.#count]) read.setReturnArrays(true);
  }

  /** Commits what `work` does, or undoes it and throws what it or the commit threw. */
  transact<Result>(work: () => Result): Result {
    this.#begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      // SQLite may have undone it already, on a full disk for one.
      if (this.#db.isTransaction) this.#rollback.run();
      throw error;
    }
  }

  get(key: string): string | undefined {
    return (this.#get.get(key) as unknown as [string] | undefined)?.[0];
  }

  has(key: string): boolean {
    return this.#has.get(key) !== undefined;
  }

  put(key: string, value: string): void {
    this.#put.run(key, value);
  }

  /** Puts a record that is not there yet. Whether it was not. */
  add(key: string, value: string): boolean {
    return this.#add.run(key, value).changes === 1;
  }

  /** Whether it was there. */
  remove(key: string): boolean {
    return this.#remove.run(key).changes === 1;
  }

  removeRange(start: string, end: string): void {
    this.#removeRange.run(start, end);
  }

  /** All records from `start` to before `end`, in order. */
  rows(start: string, end: string): [string, string][] {
    return this.#rows.all(start, end) as unknown as [string, string][];
  }

  keys(start: string, end: string, max: number): string[] {
    return (this.#keys.all(start, end, max) as unknown as [string][]).map(([key]) => key);
  }

  count(start: string, end: string): number {
    return (this.#count.get(start, end) as unknown as [number])[0];
  }

  /** The first thing found to be wrong with the file, or undefined. Reads all of it. */
  findDamage(): string | undefined {
    const [row] = this.#db.prepare('PRAGMA quick_check(1)').all();
    const finding = String(row?.['quick_check']);
    return finding === 'ok' ? undefined : finding;
  }

  /** Moves the log into the database, as far as that is possible without waiting. */
  checkpoint(): void {
    this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }

  close(): void {
    this.#db.close();
  }
}

/** A new file, or one without records, gets this layout. */
function ensureLayout(db: DatabaseSync, file: string): void {
  const found = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  if (found === LAYOUT) return;
  if (found !== 0 || hasRecords(db)) throw otherLayout(dirname(file), { found, expected: LAYOUT });
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    PRAGMA user_version = ${LAYOUT};
    COMMIT;
  `);
}

function hasRecords(db: DatabaseSync): boolean {
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'records'").get();
  return table !== undefined && db.prepare('SELECT 1 FROM records LIMIT 1').get() !== undefined;
}
