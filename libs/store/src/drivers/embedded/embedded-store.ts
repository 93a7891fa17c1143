import { checkFreeSpace, lockFolder, probeLmdb } from '@perdure/data-folder';
import type { Clock } from '@perdure/domain';
import { open } from 'lmdb';
import { OperationStore } from '../../operation-store.ts';
import type { Store } from '../../store.ts';
import { LmdbDriver, type LmdbFolder } from './lmdb-driver.ts';
import { RestorePoints } from './restore-points.ts';

export interface EmbeddedStoreOptions {
  /** The folder of the store; created when it does not exist. */
  path: string;
  clock: Clock;
  /** Address space reserved at most; the file grows as needed. */
  mapSizeBytes?: number;
}

const MAP_SIZE_BYTES = 64 * 1024 ** 3;

/**
 * Opens the store of one cell in a folder of this machine, exclusively for this process. Everything answered survives the
 * death of the process; `durable()` waits until it survives the loss of power (restore-points.ts).
 *
 * Throws a `DataFolderError` (FOLDER_LOCKED, FOLDER_CORRUPT, FOLDER_NOT_WRITABLE, DISK_FULL) when the folder cannot be
 * used. Later a full disk fails the operations that write, with DISK_FULL, and those only.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const lock = lockFolder(options.path);
  try {
    await checkFreeSpace(options.path);
    RestorePoints.restoreIfNeeded(options.path);
    await probeLmdb(options.path);
    return new OperationStore(new LmdbDriver(await openFolder(options, () => lock.release()), options.clock));
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openFolder({ path, mapSizeBytes }: EmbeddedStoreOptions, release: () => void): Promise<LmdbFolder> {
  const root = open<unknown, never>({
    path,
    maxDbs: 2,
    noSync: true,
    overlappingSync: false,
    mapSize: mapSizeBytes ?? MAP_SIZE_BYTES,
  });
  const db = root.openDB<string, string>('store', { encoding: 'string', cache: false });
  const restorePoints = await RestorePoints.start(root, path);
  const close = async (): Promise<void> => {
    try {
      await restorePoints.close();
      await root.close();
    } finally {
      release();
    }
  };
  return { path, db, restorePoints, close };
}
