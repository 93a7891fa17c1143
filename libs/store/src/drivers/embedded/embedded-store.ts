import type { Clock } from '@perdure/domain';
import { open } from 'lmdb';
import { OperationStore } from '../../operation-store.ts';
import type { Store } from '../../store.ts';
import { LmdbDriver } from './lmdb-driver.ts';

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
 * death of the process; `durable()` waits until it survives the loss of power.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const db = open<string, string>({
    path: options.path,
    encoding: 'string',
    cache: false,
    compression: false,
    noSync: true,
    overlappingSync: false,
    mapSize: options.mapSizeBytes ?? MAP_SIZE_BYTES,
  });
  return new OperationStore(new LmdbDriver(db, options.clock));
}
