import { DatabaseSync } from 'node:sqlite';

/**
 * Opens an SQLite file whose write-ahead log `Wal` flushes and moves: what that relies on is set here and nowhere else.
 *
 * With synchronous = NORMAL a commit is appended to the log without waiting for the disk, so it survives the death of the
 * process, and a log torn by a power failure is read up to its last whole transaction. SQLite moves the log by itself
 * never, and shortens it when it starts over. `cacheKib`: pages kept in memory.
 */
export function openLoggedDatabase(file: string, cacheKib: number): DatabaseSync {
  const db = new DatabaseSync(file);
  // A negative cache_size is in KiB.
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = 0;
    PRAGMA cache_size = -${cacheKib};
  `);
  return db;
}
