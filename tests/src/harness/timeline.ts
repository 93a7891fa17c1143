/** Something that an application did, in ms of `performance.now`. */
interface Span {
  name: string;
  startedAt: number;
  /** Infinity while it goes on. */
  endedAt: number;
}

/** What an application did and when, as it saw it itself: nobody else can tell whether a limit was kept. */
export class Timeline {
  readonly #spans: Span[] = [];

  /** Takes down the start of `work`, which may be so many ms of doing nothing, and its end. */
  async during<T>(name: string, work: number | (() => Promise<T>)): Promise<T | undefined> {
    const span: Span = { name, startedAt: performance.now(), endedAt: Infinity };
    this.#spans.push(span);
    try {
      if (typeof work !== 'number') return await work();
      await new Promise((resolve) => setTimeout(resolve, work));
      return undefined;
    } finally {
      span.endedAt = performance.now();
    }
  }

  /** Takes down an instant. */
  note(name: string): void {
    const now = performance.now();
    this.#spans.push({ name, startedAt: now, endedAt: now });
  }

  /** All names, in the order of their starts. */
  get names(): string[] {
    return this.#spans.map(({ name }) => name);
  }

  /** When each thing of this name (default: each thing) began, in their order. */
  starts(name?: string): number[] {
    return this.#named(name).map(({ startedAt }) => startedAt);
  }

  ends(name?: string): number[] {
    return this.#named(name).map(({ endedAt }) => endedAt);
  }

  /** The most things of these names (default: of all) that went on at one instant. */
  atOnce(isMeant: (name: string) => boolean = () => true): number {
    const meant = this.#spans.filter(({ name }) => isMeant(name));
    // What ends when another thing begins does not overlap it.
    const changes = meant
      .flatMap(({ startedAt, endedAt }) => [
        { at: startedAt, by: 1 },
        { at: endedAt, by: -1 },
      ])
      .toSorted((a, b) => a.at - b.at || a.by - b.by);
    let [now, most] = [0, 0];
    for (const { by } of changes) most = Math.max(most, (now += by));
    return most;
  }

  #named(name: string | undefined): Span[] {
    return name === undefined ? this.#spans : this.#spans.filter((span) => span.name === name);
  }
}

/** From each number to the next. */
export function gaps(numbers: readonly number[]): number[] {
  return numbers.slice(1).map((number, index) => number - (numbers[index] ?? 0));
}
