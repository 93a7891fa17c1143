/** What stands for all functions beyond the bound. */
const OTHER = 'other';

/**
 * The series of one metric by their labels, made when first used. Where the first label is bounded, series of the first
 * `firstMax` values are told apart and all further values share the series of `other`.
 */
export class Children<C> {
  readonly #make: (labels: readonly string[]) => C;
  readonly #firstMax: number;
  readonly #first = new Set<string>();
  readonly #children = new Map<string, C>();

  constructor(make: (labels: readonly string[]) => C, firstMax: number) {
    this.#make = make;
    this.#firstMax = firstMax;
  }

  of(labels: readonly string[]): C {
    const key = labels.length === 1 ? (labels[0] ?? '') : labels.join('\n');
    return this.#children.get(key) ?? this.#add(key, labels);
  }

  #add(key: string, labels: readonly string[]): C {
    const [first, ...rest] = labels;
    if (first !== undefined && first !== OTHER && !this.#first.has(first)) {
      // Not kept under its own key: the number of keys is bounded too.
      if (this.#first.size >= this.#firstMax) return this.of([OTHER, ...rest]);
      this.#first.add(first);
    }
    const child = this.#make(labels);
    this.#children.set(key, child);
    return child;
  }
}
