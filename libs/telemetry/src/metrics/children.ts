/** What stands for all functions beyond the bound. */
const OTHER = 'other';

/**
 * The series of one metric by their labels, two at most, made when first used. Where the first label is bounded, series of
 * the first `firstMax` values are told apart and all further values share the series of `other`. Looked up without
 * making a key: counting is on the path of every step.
 */
export class Children<C> {
  readonly #make: (labels: readonly string[]) => C;
  readonly #firstMax: number;
  readonly #children = new Map<string, Map<string, C>>();

  constructor(make: (labels: readonly string[]) => C, firstMax: number) {
    this.#make = make;
    this.#firstMax = firstMax;
  }

  of(first = '', second = ''): C {
    return this.#children.get(first)?.get(second) ?? this.#add(first, second);
  }

  #add(first: string, second: string): C {
    let ofFirst = this.#children.get(first);
    if (ofFirst === undefined) {
      // Not kept under its own name: the number of names is bounded too.
      if (this.#children.size >= this.#firstMax && first !== OTHER) return this.of(OTHER, second);
      ofFirst = new Map();
      this.#children.set(first, ofFirst);
    }
    const child = this.#make([first, second]);
    ofFirst.set(second, child);
    return child;
  }
}
