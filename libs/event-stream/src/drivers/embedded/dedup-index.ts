import type { EpochMs } from '@perdure/domain';

import { NOTHING, type DedupGeneration, type StreamTables } from './stream-tables.ts';

/**
 * Remembers each ID for at least the window and at most twice as long: two tables take turns, and the older one is
 * emptied when the newer has been filled for a whole window. An index by time was rejected: it doubles the writes of
 * every append, while emptying a table frees whole pages.
 */
export class DedupIndex {
  readonly #tables: StreamTables;
  readonly #windowMs: number;
  #generation: DedupGeneration;

  constructor(tables: StreamTables, windowMs: number, now: EpochMs) {
    this.#tables = tables;
    this.#windowMs = windowMs;
    this.#generation = readGeneration(tables) ?? { current: 0, since: now };
  }

  has(id: string): boolean {
    return this.#tables.ids.some((table) => table.doesExist(id));
  }

  /** Where IDs of a commit made now go: part of `write`, and of `committed` when the commit succeeded. */
  generationAt(now: EpochMs): DedupGeneration {
    const { current, since } = this.#generation;
    return now - since < this.#windowMs ? this.#generation : { current: current === 0 ? 1 : 0, since: now };
  }

  /** Writes `ids` into the commit that is being made. */
  write(ids: Iterable<string>, generation: DedupGeneration): void {
    const table = this.#tables.ids[generation.current];
    if (generation !== this.#generation) {
      void table.clearAsync();
      void this.#tables.facts.put('dedup', generation);
    }
    for (const id of ids) void table.put(id, NOTHING);
  }

  committed(generation: DedupGeneration): void {
    this.#generation = generation;
  }
}

function readGeneration(tables: StreamTables): DedupGeneration | undefined {
  const stored = tables.facts.get('dedup');
  return typeof stored === 'object' ? stored : undefined;
}
