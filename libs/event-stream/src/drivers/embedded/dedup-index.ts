import type { EpochMs } from '@perdure/domain';

import type { DedupGeneration, StreamTables } from './stream-tables.ts';

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
    return this.#tables.hasId(id);
  }

  /** Where IDs of a commit made now go: part of `write`, and of `committed` when the commit succeeded. */
  generationAt(now: EpochMs): DedupGeneration {
    const { current, since } = this.#generation;
    return now - since < this.#windowMs ? this.#generation : { current: current === 0 ? 1 : 0, since: now };
  }

  /** Writes `ids` into the commit that is being made. */
  write(ids: Iterable<string>, generation: DedupGeneration): void {
    const { current, since } = generation;
    if (generation !== this.#generation) {
      this.#tables.clearIds(current);
      this.#tables.putFact('dedupCurrent', current);
      this.#tables.putFact('dedupSince', since);
    }
    for (const id of ids) this.#tables.putId(id, current);
  }

  committed(generation: DedupGeneration): void {
    this.#generation = generation;
  }
}

function readGeneration(tables: StreamTables): DedupGeneration | undefined {
  const current = tables.findFact('dedupCurrent');
  const since = tables.findFact('dedupSince');
  return current === undefined || since === undefined ? undefined : { current: current === 0 ? 0 : 1, since };
}
