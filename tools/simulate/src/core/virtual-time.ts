/** Where virtual time begins: of the size of real instants, so that scores and passes are as large as they will be. */
const START_AT = 1_893_456_000_000;

interface Planned {
  at: number;
  /** What is planned for one instant happens in the order of its planning. */
  order: number;
  action: () => void;
}

/** A clock that jumps from one planned action to the next. Milliseconds, with fractions. */
export class VirtualTime {
  #now = START_AT;
  #order = 0;
  /** A binary heap by instant. */
  readonly #planned: Planned[] = [];

  get now(): number {
    return this.#now;
  }

  /** Since the beginning. */
  get elapsedMs(): number {
    return this.#now - START_AT;
  }

  /** Plans an action; one for the past happens at once, after those that are planned for now. */
  at(at: number, action: () => void): void {
    this.#order += 1;
    push(this.#planned, { at: Math.max(at, this.#now), order: this.#order, action });
  }

  after(ms: number, action: () => void): void {
    this.at(this.#now + ms, action);
  }

  /** Lets actions happen for as long as it holds that they should, up to and with `until`. */
  run(until: number, isWanted: () => boolean = () => true): void {
    while (isWanted()) {
      const next = this.#planned[0];
      if (next === undefined || next.at > until) break;
      pop(this.#planned);
      this.#now = next.at;
      next.action();
    }
    if (isWanted() && Number.isFinite(until)) this.#now = Math.max(this.#now, until);
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Planned[], added: Planned): void {
  let place = heap.length;
  while (place > 0) {
    const parentPlace = (place - 1) >> 1;
    const parent = heap[parentPlace];
    if (parent === undefined || !isBefore(added, parent)) break;
    heap[place] = parent;
    place = parentPlace;
  }
  heap[place] = added;
}

/** Removes the first. */
function pop(heap: Planned[]): void {
  const moved = heap.pop();
  if (moved === undefined || heap.length === 0) return;
  let place = 0;
  for (;;) {
    let childPlace = 2 * place + 1;
    let child = heap[childPlace];
    if (child === undefined) break;
    const sibling = heap[childPlace + 1];
    if (sibling !== undefined && isBefore(sibling, child)) {
      child = sibling;
      childPlace += 1;
    }
    if (!isBefore(child, moved)) break;
    heap[place] = child;
    place = childPlace;
  }
  heap[place] = moved;
}
