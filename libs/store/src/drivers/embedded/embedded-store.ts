import { statSync } from 'node:fs';
import { join } from 'node:path';
import { checkFreeSpace, damagedFolder, flushFolder, lockFolder, Wal } from '@perdure/data-folder';
import { PerdureError, type Clock } from '@perdure/domain';
import { OperationStore } from '../../operation-store.ts';
import type { Store } from '../../store.ts';
import { EmbeddedDriver, explainSqlite, type EmbeddedFolder } from './embedded-driver.ts';
import { SqliteTable } from './sqlite-table.ts';

export interface EmbeddedStoreOptions {
  /** The folder of the store; created when it does not exist. */
  path: string;
  clock: Clock;
}

const FILE = 'store.sqlite';
/** A file up to this size is read as a whole before it is trusted, in less than 0.1 s; damage to a larger one shows later. */
const CHECKED_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Opens the store of one cell in a folder of this machine, exclusively for this process. Everything answered survives the
 * death of the process; `durable()` waits until it survives the loss of power.
 *
 * Throws a `DataFolderError` (FOLDER_LOCKED, FOLDER_CORRUPT, FOLDER_OTHER_LAYOUT, FOLDER_NOT_WRITABLE, DISK_FULL) when the folder
 * cannot be used. Later a full disk fails the operations that write, with DISK_FULL, and those only.
 */
export async function openEmbeddedStore({ path, clock }: EmbeddedStoreOptions): Promise<Store> {
  const lock = lockFolder(path);
  try {
    await checkFreeSpace(path);
    const folder = await openFolder(path, () => lock.release());
    return new OperationStore(new EmbeddedDriver(folder, clock));
  } catch (error) {
    lock.release();
    throw error instanceof PerdureError ? error : await explainSqlite(path, error);
  }
}

async function openFolder(path: string, release: () => void): Promise<EmbeddedFolder> {
  const file = join(path, FILE);
  const table = new SqliteTable(file);
  try {
    const damage = statSync(file).size <= CHECKED_BYTES_MAX ? table.findDamage() : undefined;
    if (damage !== undefined) throw damagedFolder(path, damage);
    const wal = new Wal(table, file);
    await flushFolder(path);
    return { path, table, wal, close: () => closeFolder(table, wal, release) };
  } catch (error) {
    table.close();
    throw error;
  }
}

async function closeFolder(table: SqliteTable, wal: Wal, release: () => void): Promise<void> {
  try {
    await wal.close();
  } finally {
    table.close();
    release();
  }
}
