/** What a story leaves to chance, from a list that a shrinker can cut: where the list ends, all goes well. */
export class Choices {
  readonly #values: readonly number[];
  #used = 0;

  constructor(values: readonly number[]) {
    this.#values = values;
  }

  get areOver(): boolean {
    return this.#used >= this.#values.length;
  }

  /** A number below `count`; 0 once the list is over. */
  next(count: number): number {
    const value = this.#values[this.#used] ?? 0;
    this.#used += 1;
    return value % count;
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.next(from.length)];
  }
}
