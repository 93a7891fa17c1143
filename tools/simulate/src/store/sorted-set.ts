import { createRequire } from 'node:module';

import type * as SortedBTree from 'sorted-btree';

// The default export of a CommonJS package: Node and Vitest disagree about what an import of it gives.
const { default: BTree } = createRequire(import.meta.url)('sorted-btree') as {
  default: typeof SortedBTree.default.default;
};

/** [score, member] */
type Place = [number, string];

/** Members by score, equal scores by the bytes of the member. Every command is O(log n). */
export class SortedSet {
  readonly #scores = new Map<string, number>();
  readonly #places = new BTree<Place, undefined>(undefined, comparePlaces);

  get size(): number {
    return this.#scores.size;
  }

  put(score: number, member: string): void {
    const old = this.#scores.get(member);
    if (old === score) return;
    if (old !== undefined) this.#places.delete([old, member]);
    this.#scores.set(member, score);
    this.#places.set([score, member], undefined);
  }

  remove(member: string): boolean {
    const score = this.#scores.get(member);
    if (score === undefined) return false;
    this.#scores.delete(member);
    this.#places.delete([score, member]);
    return true;
  }

  scoreOf(member: string): number | undefined {
    return this.#scores.get(member);
  }

  /** Pairs [member, score] of the lowest scores, those above `after` and up to `upTo`, at most `max`. */
  range({ after, upTo = Infinity, max }: { after?: number; upTo?: number; max: number }): [string, number][] {
    const found: [string, number][] = [];
    if (max <= 0) return found;
    // No member is as large as this: what has the score `after` comes before it.
    let place = after === undefined ? this.#places.minKey() : this.#places.nextHigherKey([after, HIGHEST]);
    for (; place !== undefined && place[0] <= upTo; place = this.#places.nextHigherKey(place)) {
      found.push([place[1], place[0]]);
      if (found.length === max) break;
    }
    return found;
  }
}

const HIGHEST = '\u{10ffff}\u{10ffff}';
/** From here on UTF-16 sorts otherwise than UTF-8: surrogates stand for what comes after the rest. */
const SURROGATES_FROM = 0xd800;

function comparePlaces(a: Place, b: Place): number {
  return a[0] - b[0] || compareBytes(a[1], b[1]);
}

/** The order of the strings' bytes in UTF-8. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === length) return a.length - b.length;
  return weightOf(a.charCodeAt(at)) - weightOf(b.charCodeAt(at));
}

function weightOf(unit: number): number {
  if (unit < SURROGATES_FROM) return unit;
  return unit <= 0xdfff ? unit + 0x2000 : unit - 0x800;
}
