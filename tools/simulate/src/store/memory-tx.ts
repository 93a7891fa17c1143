import type { Tx } from '@perdure/store/simulation';

import { compareBytes, SortedSet } from './sorted-set.ts';

type Fields = Readonly<Record<string, string>>;

/** Larger sets are answered in the order in which their members came. As on Redis. */
const SORTED_MAX = 1000;

/**
 * The commands of operations over maps in memory, counted: each call of one is one command. Nothing is undone when an
 * operation throws: for simulations, where that ends it.
 */
export class MemoryTx implements Tx {
  commands = 0;
  readonly #docs = new Map<string, Fields>();
  readonly #maps = new Map<string, Map<string, string>>();
  readonly #strings = new Map<string, string>();
  readonly #sets = new Map<string, Set<string>>();
  readonly #sorted = new Map<string, SortedSet>();
  readonly #lists = new Map<string, string[]>();

  // ------------------------------------------------------------------------------------------------------- documents

  hget(key: string, field: string): string | undefined {
    this.commands += 1;
    return this.#docs.get(key)?.[field];
  }

  hgetall(key: string): Fields | undefined {
    this.commands += 1;
    return this.#docs.get(key);
  }

  hset(key: string, fields: Fields): void {
    this.commands += 1;
    // A new object each time: what was read before stays as it was read.
    this.#docs.set(key, { ...this.#docs.get(key), ...fields });
  }

  hincr(key: string, field: string, by: number): number {
    this.commands += 1;
    const doc = this.#docs.get(key);
    const sum = Number(doc?.[field] || 0) + by;
    this.#docs.set(key, { ...doc, [field]: String(sum) });
    return sum;
  }

  hdel(key: string, field: string): void {
    this.commands += 1;
    const { [field]: _, ...rest } = this.#docs.get(key) ?? {};
    if (Object.keys(rest).length === 0) this.#docs.delete(key);
    else this.#docs.set(key, rest);
  }

  hmove(key: string, to: string): void {
    this.commands += 1;
    const doc = this.#docs.get(key);
    this.#docs.delete(key);
    if (doc === undefined) this.#docs.delete(to);
    else this.#docs.set(to, doc);
  }

  hdrop(key: string): void {
    this.commands += 1;
    this.#docs.delete(key);
  }

  // ------------------------------------------------------------------------------------------------------------ maps

  mget(key: string, field: string): string | undefined {
    this.commands += 1;
    return this.#maps.get(key)?.get(field);
  }

  mhas(key: string, field: string): boolean {
    this.commands += 1;
    return this.#maps.get(key)?.has(field) ?? false;
  }

  mset(key: string, field: string, value: string): void {
    this.commands += 1;
    made(this.#maps, key, newMap).set(field, value);
  }

  madd(key: string, field: string, value: string): boolean {
    this.commands += 1;
    const map = made(this.#maps, key, newMap);
    if (map.has(field)) return false;
    map.set(field, value);
    return true;
  }

  mdel(key: string, field: string): void {
    this.commands += 1;
    const map = this.#maps.get(key);
    map?.delete(field);
    if (map?.size === 0) this.#maps.delete(key);
  }

  mall(key: string): [string, string][] {
    this.commands += 1;
    return [...(this.#maps.get(key) ?? [])];
  }

  mdrop(key: string): void {
    this.commands += 1;
    this.#maps.delete(key);
  }

  // --------------------------------------------------------------------------------------------------------- strings

  get(key: string): string | undefined {
    this.commands += 1;
    return this.#strings.get(key);
  }

  has(key: string): boolean {
    this.commands += 1;
    return this.#strings.has(key);
  }

  set(key: string, value: string): void {
    this.commands += 1;
    this.#strings.set(key, value);
  }

  drop(key: string): void {
    this.commands += 1;
    this.#strings.delete(key);
  }

  // ------------------------------------------------------------------------------------------------------------ sets

  sadd(key: string, member: string): boolean {
    this.commands += 1;
    const set = made(this.#sets, key, newSet);
    if (set.has(member)) return false;
    set.add(member);
    return true;
  }

  srem(key: string, member: string): boolean {
    this.commands += 1;
    const set = this.#sets.get(key);
    if (set === undefined || !set.delete(member)) return false;
    if (set.size === 0) this.#sets.delete(key);
    return true;
  }

  scard(key: string): number {
    this.commands += 1;
    return this.#sets.get(key)?.size ?? 0;
  }

  smembers(key: string, max: number): string[] {
    this.commands += 1;
    const set = this.#sets.get(key);
    if (set === undefined || max <= 0) return [];
    if (set.size === 1) return [...set];
    return set.size <= SORTED_MAX ? [...set].toSorted(compareBytes).slice(0, max) : firstOf(set, max);
  }

  sismember(key: string, member: string): boolean {
    this.commands += 1;
    return this.#sets.get(key)?.has(member) ?? false;
  }

  sdrop(key: string): void {
    this.commands += 1;
    this.#sets.delete(key);
  }

  // ----------------------------------------------------------------------------------------------------- sorted sets

  zadd(key: string, score: number, member: string): void {
    this.commands += 1;
    made(this.#sorted, key, newSortedSet).put(score, member);
  }

  zrem(key: string, member: string): boolean {
    this.commands += 1;
    const set = this.#sorted.get(key);
    if (set === undefined || !set.remove(member)) return false;
    if (set.size === 0) this.#sorted.delete(key);
    return true;
  }

  zscore(key: string, member: string): number | undefined {
    this.commands += 1;
    return this.#sorted.get(key)?.scoreOf(member);
  }

  zcard(key: string): number {
    this.commands += 1;
    return this.#sorted.get(key)?.size ?? 0;
  }

  zrank(key: string, member: string): number | undefined {
    this.commands += 1;
    const set = this.#sorted.get(key);
    const score = set?.scoreOf(member);
    if (set === undefined || score === undefined) return undefined;
    return set.range({ upTo: score, max: set.size }).findIndex(([name]) => name === member);
  }

  zfirst(key: string, max: number): [string, number][] {
    this.commands += 1;
    return this.#sorted.get(key)?.range({ max }) ?? [];
  }

  zupto(key: string, score: number, max: number): [string, number][] {
    this.commands += 1;
    return this.#sorted.get(key)?.range({ upTo: score, max }) ?? [];
  }

  zafter(key: string, score: number, max: number): [string, number][] {
    this.commands += 1;
    return this.#sorted.get(key)?.range({ after: score, max }) ?? [];
  }

  // ----------------------------------------------------------------------------------------------------------- lists

  lput(key: string, index: number, value: string): void {
    this.commands += 1;
    made(this.#lists, key, newList)[index] = value;
  }

  lrange(key: string): string[] {
    this.commands += 1;
    return [...(this.#lists.get(key) ?? [])];
  }

  ldrop(key: string): void {
    this.commands += 1;
    this.#lists.delete(key);
  }

  // ------------------------------------------------------------------------------------------------------ inspection

  /** Every key with its content in the form that `Store.dump` promises. */
  dump(): Record<string, unknown> {
    const contents: [string, unknown][] = [
      ...this.#docs,
      ...[...this.#maps].map(([key, map]): [string, unknown] => [key, Object.fromEntries(map)]),
      ...this.#strings,
      ...[...this.#sets].map(([key, set]): [string, unknown] => [key, [...set].toSorted(compareBytes)]),
      ...[...this.#sorted].map(([key, set]): [string, unknown] => [key, set.range({ max: set.size })]),
      ...[...this.#lists].map(([key, list]): [string, unknown] => [key, [...list]]),
    ];
    return Object.fromEntries(contents.toSorted(([a], [b]) => compareBytes(a, b)));
  }
}

function made<Value>(structures: Map<string, Value>, key: string, make: () => Value): Value {
  let structure = structures.get(key);
  if (structure === undefined) {
    structure = make();
    structures.set(key, structure);
  }
  return structure;
}

function newMap(): Map<string, string> {
  return new Map();
}

function newSet(): Set<string> {
  return new Set();
}

function newSortedSet(): SortedSet {
  return new SortedSet();
}

function newList(): string[] {
  return [];
}

function firstOf(members: Iterable<string>, max: number): string[] {
  const first: string[] = [];
  for (const member of members) {
    if (first.length === max) break;
    first.push(member);
  }
  return first;
}
