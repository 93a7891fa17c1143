export const EXPRESSION_BYTES_MAX = 8 * 1024;
export const EXPRESSION_NODES_MAX = 500;
/** Units an evaluation may spend (execution.md 6.4): one for a node in a loop or an element compared, see `Meter`. */
export const COST_MAX = 100_000;
/** How deep lists and maps may be nested where they are compared or printed. */
export const DEPTH_MAX = 200;
/** Scanning this many characters costs one unit. */
const CHARACTERS_PER_UNIT = 64;

/** Ends an evaluation whatever is around it; unlike a `Failure`, no `||` goes on past it. */
export class LimitExceeded extends Error {}

/**
 * Counts what an evaluation spends. Straight-line code is bounded by the number of nodes and is not counted, so that
 * common triggers pay nothing; loops and scans are, because they grow with the event.
 */
export class Meter {
  #spent = 0;
  #depth = 0;

  charge(units: number): void {
    this.#spent += units;
    if (this.#spent > COST_MAX) throw new LimitExceeded(`the evaluation costs more than ${COST_MAX} units`);
  }

  chargeText(characters: number): void {
    this.charge(Math.ceil(characters / CHARACTERS_PER_UNIT));
  }

  /** Runs `walk` one level deeper in a value of `size` parts. */
  nested<T>(size: number, walk: () => T): T {
    this.charge(size);
    if (++this.#depth > DEPTH_MAX) throw new LimitExceeded(`a value is nested deeper than ${DEPTH_MAX} levels`);
    const result = walk();
    this.#depth--;
    return result;
  }
}
