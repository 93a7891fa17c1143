import { renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { damagedFolder, DataFolderError, flushFolder, Wal } from '@perdure/data-folder';

import { createStreamTables, StreamTables } from './stream-tables.ts';

const FILE = 'stream.sqlite';
/** What an older Perdure kept its stream in. */
const LMDB_FILE = 'data.mdb';
/** A file up to this size is read as a whole before it is trusted, in less than 0.1 s; damage to a larger one shows later. */
const CHECKED_BYTES_MAX = 32 * 1024 * 1024;

/**
 * The open SQLite file of a stream.
 *
 * 1. It comes into being whole, under its final name: an empty one was damaged, not just created.
 * 2. What `flush` has answered is durable, also after an earlier flush failed.
 */
export class StreamFile {
  readonly tables: StreamTables;
  readonly #wal: Wal;
  #hasFlushFailed = false;

  private constructor(tables: StreamTables, wal: Wal) {
    this.tables = tables;
    this.#wal = wal;
  }

  /** Creates the file when there is none. Throws a FOLDER_CORRUPT or an error of SQLite or the system. */
  static async open(path: string): Promise<StreamFile> {
    refuseLmdb(path);
    const file = join(path, FILE);
    prepare(path, file);
    const tables = new StreamTables(file);
    try {
      const damage = bytesOf(file) <= CHECKED_BYTES_MAX ? tables.findDamage() : undefined;
      if (damage !== undefined) throw damagedFolder(path, damage);
      // Reading opens the log, if nothing has yet.
      tables.migrate();
      const wal = new Wal(tables, file);
      await flushFolder(path);
      return new StreamFile(tables, wal);
    } catch (error) {
      tables.close();
      throw error;
    }
  }

  /** One transaction: all or nothing. Durable after the next `flush`. */
  write<Result>(change: () => Result): Result {
    try {
      const result = this.tables.transact(change);
      this.#wal.noteCommit();
      return result;
    } catch (error) {
      this.#makeRoom();
      throw error;
    }
  }

  /** Resolves when everything written so far is durable. */
  async flush(): Promise<void> {
    try {
      // After a flush that failed, the system may take what it could not write for written: it has to be written anew.
      if (this.#hasFlushFailed) this.tables.moveWholeLog();
      await this.#wal.flush();
      this.#hasFlushFailed = false;
    } catch (error) {
      this.#hasFlushFailed = true;
      throw error;
    }
  }

  async close(): Promise<void> {
    try {
      await this.#wal.close();
    } finally {
      this.tables.close();
    }
  }

  /** On a full disk the log starts over in its own place, once it is in the database. */
  #makeRoom(): void {
    try {
      this.tables.checkpoint();
    } catch {
      // The write that failed tells why; the next one fails as well.
    }
  }
}

function refuseLmdb(path: string): void {
  const file = join(path, LMDB_FILE);
  if (bytesOf(file) === -1) return;
  const message = `the folder ${path} holds an event stream of an older Perdure (${LMDB_FILE}), which this one cannot read: remove it to start empty`;
  throw new DataFolderError('FOLDER_CORRUPT', message, { path });
}

/** Creates the file, or finds that what is there cannot be one: SQLite takes an empty file for a new database. */
function prepare(path: string, file: string): void {
  const bytes = bytesOf(file);
  if (bytes === 0) throw damagedFolder(path, `${FILE} is empty`);
  if (bytes > 0) return;
  if (bytesOf(`${file}-wal`) > 0) throw damagedFolder(path, `${FILE} is missing`);
  const unfinished = `${file}-new`;
  rmSync(unfinished, { force: true });
  rmSync(`${unfinished}-journal`, { force: true });
  createStreamTables(unfinished);
  renameSync(unfinished, file);
}

/** -1: there is no such file. */
function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? -1;
}
