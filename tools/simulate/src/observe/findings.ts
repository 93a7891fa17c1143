const EXAMPLES_MAX = 5;

/** Things that must not be, counted; the first of them in words. */
export class Findings {
  count = 0;
  readonly examples: string[] = [];

  add(example: string): void {
    this.count += 1;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(example);
  }
}
