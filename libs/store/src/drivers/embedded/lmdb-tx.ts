import { assert } from '@perdure/domain';
import type { Database } from 'lmdb';
import type { Tx } from '../../operations/tx.ts';

/*
 * Layout: one database, ordered by the bytes of its keys. The first letter is the kind of record, the part after the line
 * feed (which no key of the store contains) the element:
 *
 *   D<key>              document, as JSON            T<key>              string
 *   M<key>\n<field>     element of a map             S<key>\n<member>    member of a set
 *   Z<key>\n<score><member>  sorted set by score     Y<key>\n<member>    the member's score
 *   L<key>\n<index>     element of a list
 *
 * The process that opened the folder is the only one that writes it, so what is cached here stays true: documents
 * (written back once a transaction), and the sizes of sets, which LMDB does not know.
 */

const ELEMENT = '\n';
/** The character after ELEMENT: ends the range of a key's elements. */
const AFTER_ELEMENTS = '\v';
/** Scores are whole numbers beyond neither -SCORE_MAX nor SCORE_MAX, stored with this added, in SCORE_DIGITS digits. */
const SCORE_MAX = 4_000_000_000_000_000;
const SCORE_DIGITS = 16;
const INDEX_DIGITS = 8;
const DOCS_CACHED_MAX = 20_000;
const SIZES_CACHED_MAX = 50_000;

type Fields = Readonly<Record<string, string>>;

/** The commands of operations over LMDB. Used inside a write transaction only; `flush` before it commits. */
export class LmdbTx implements Tx {
  readonly #db: Database<string, string>;
  /** Undefined value: known to be absent. */
  readonly #docs = new Map<string, Fields | undefined>();
  readonly #dirty = new Set<string>();
  readonly #sizes = new Map<string, number>();

  constructor(db: Database<string, string>) {
    this.#db = db;
  }

  // ---------------------------------------------------------------------------------------------- documents, strings

  #doc(key: string): Fields | undefined {
    const cached = this.#docs.get(key);
    if (cached !== undefined || this.#docs.has(key)) return cached;
    const stored = this.#db.get(`D${key}`);
    const doc = stored === undefined ? undefined : (JSON.parse(stored) as Fields);
    this.#docs.set(key, doc);
    return doc;
  }

  hget(key: string, field: string): string | undefined {
    return this.#doc(key)?.[field];
  }

  hgetall(key: string): Fields | undefined {
    return this.#doc(key);
  }

  hset(key: string, fields: Fields): void {
    // A new object each time: what was read before stays as it was read.
    this.#docs.set(key, { ...this.#doc(key), ...fields });
    this.#dirty.add(key);
  }

  hincr(key: string, field: string, by: number): number {
    const sum = Number(this.#doc(key)?.[field] || 0) + by;
    this.hset(key, { [field]: String(sum) });
    return sum;
  }

  hdel(key: string, field: string): void {
    const { [field]: _, ...rest } = this.#doc(key) ?? {};
    if (Object.keys(rest).length === 0) this.#docs.set(key, undefined);
    else this.#docs.set(key, rest);
    this.#dirty.add(key);
  }

  get(key: string): string | undefined {
    return this.#db.get(`T${key}`);
  }

  set(key: string, value: string): void {
    this.#db.putSync(`T${key}`, value);
  }

  drop(key: string): void {
    this.#db.removeSync(`T${key}`);
  }

  hdrop(key: string): void {
    this.#docs.set(key, undefined);
    this.#dirty.add(key);
  }

  // ------------------------------------------------------------------------------------------------------ maps, lists

  mget(key: string, field: string): string | undefined {
    return this.#db.get(`M${key}${ELEMENT}${field}`);
  }

  mhas(key: string, field: string): boolean {
    return this.#db.doesExist(`M${key}${ELEMENT}${field}`);
  }

  mset(key: string, field: string, value: string): void {
    this.#db.putSync(`M${key}${ELEMENT}${field}`, value);
  }

  mdel(key: string, field: string): void {
    this.#db.removeSync(`M${key}${ELEMENT}${field}`);
  }

  mall(key: string): [string, string][] {
    const prefix = `M${key}${ELEMENT}`;
    const pairs: [string, string][] = [];
    for (const { key: id, value } of this.#db.getRange(elements(prefix))) pairs.push([id.slice(prefix.length), value]);
    return pairs;
  }

  lput(key: string, index: number, value: string): void {
    this.#db.putSync(`L${key}${ELEMENT}${String(index).padStart(INDEX_DIGITS, '0')}`, value);
  }

  lrange(key: string): string[] {
    const values: string[] = [];
    for (const { value } of this.#db.getRange(elements(`L${key}${ELEMENT}`))) values.push(value);
    return values;
  }

  // ------------------------------------------------------------------------------------------------------------- sets

  sadd(key: string, member: string): boolean {
    const id = `S${key}${ELEMENT}${member}`;
    if (this.#db.doesExist(id)) return false;
    this.#grow('S', key, 1);
    this.#db.putSync(id, '');
    return true;
  }

  srem(key: string, member: string): boolean {
    const size = this.#size('S', key);
    if (size === 0 || !this.#db.removeSync(`S${key}${ELEMENT}${member}`)) return false;
    this.#sizes.set(`S${key}`, size - 1);
    return true;
  }

  scard(key: string): number {
    return this.#size('S', key);
  }

  smembers(key: string, max: number): string[] {
    return this.#elementsOf('S', key, max);
  }

  sismember(key: string, member: string): boolean {
    return this.#db.doesExist(`S${key}${ELEMENT}${member}`);
  }

  // ------------------------------------------------------------------------------------------------------ sorted sets

  zadd(key: string, score: number, member: string): void {
    const id = `Y${key}${ELEMENT}${member}`;
    const encoded = encodeScore(score);
    const old = this.#db.get(id);
    if (old === encoded) return;
    if (old === undefined) this.#grow('Y', key, 1);
    else this.#db.removeSync(`Z${key}${ELEMENT}${old}${member}`);
    this.#db.putSync(id, encoded);
    this.#db.putSync(`Z${key}${ELEMENT}${encoded}${member}`, '');
  }

  zrem(key: string, member: string): boolean {
    const id = `Y${key}${ELEMENT}${member}`;
    const old = this.#db.get(id);
    if (old === undefined) return false;
    this.#grow('Y', key, -1);
    this.#db.removeSync(id);
    this.#db.removeSync(`Z${key}${ELEMENT}${old}${member}`);
    return true;
  }

  zscore(key: string, member: string): number | undefined {
    const stored = this.#db.get(`Y${key}${ELEMENT}${member}`);
    return stored === undefined ? undefined : decodeScore(stored);
  }

  zcard(key: string): number {
    return this.#size('Y', key);
  }

  zfirst(key: string, max: number): [string, number][] {
    if (max <= 0 || this.#size('Y', key) === 0) return [];
    return this.#byScore(key, '', max);
  }

  zafter(key: string, score: number, max: number): [string, number][] {
    return max <= 0 ? [] : this.#byScore(key, encodeScore(score + 1), max);
  }

  #byScore(key: string, from: string, max: number): [string, number][] {
    const prefix = `Z${key}${ELEMENT}`;
    const range = { start: prefix + from, end: `Z${key}${AFTER_ELEMENTS}`, limit: max };
    const pairs: [string, number][] = [];
    for (const id of this.#db.getKeys(range)) {
      const at = prefix.length + SCORE_DIGITS;
      pairs.push([id.slice(at), decodeScore(id.slice(prefix.length, at))]);
    }
    return pairs;
  }

  // -------------------------------------------------------------------------------------------------- the whole of it

  mdrop(key: string): void {
    this.#removeElements(`M${key}${ELEMENT}`);
  }

  ldrop(key: string): void {
    this.#removeElements(`L${key}${ELEMENT}`);
  }

  sdrop(key: string): void {
    if (this.#size('S', key) === 0) return;
    this.#removeElements(`S${key}${ELEMENT}`);
    this.#sizes.set(`S${key}`, 0);
  }

  #removeElements(prefix: string): void {
    const ids = Array.from(this.#db.getKeys(elements(prefix)));
    for (const id of ids) this.#db.removeSync(id);
  }

  /** Writes changed documents. To be called at the end of each transaction that is to commit. */
  flush(): void {
    for (const key of this.#dirty) {
      const doc = this.#docs.get(key);
      if (doc === undefined) this.#db.removeSync(`D${key}`);
      else this.#db.putSync(`D${key}`, JSON.stringify(doc));
    }
    this.#dirty.clear();
    if (this.#docs.size > DOCS_CACHED_MAX) this.#docs.clear();
    if (this.#sizes.size > SIZES_CACHED_MAX) this.#sizes.clear();
  }

  /** Forgets everything that a transaction that did not commit left in memory. */
  reset(): void {
    this.#dirty.clear();
    this.#docs.clear();
    this.#sizes.clear();
  }

  #elementsOf(kind: string, key: string, max: number): string[] {
    if (max <= 0 || this.#size(kind, key) === 0) return [];
    const prefix = `${kind}${key}${ELEMENT}`;
    const members: string[] = [];
    for (const id of this.#db.getKeys({ ...elements(prefix), limit: max })) members.push(id.slice(prefix.length));
    return members;
  }

  #size(kind: string, key: string): number {
    const id = kind + key;
    const cached = this.#sizes.get(id);
    if (cached !== undefined) return cached;
    const size = this.#db.getKeysCount(elements(id + ELEMENT));
    this.#sizes.set(id, size);
    return size;
  }

  #grow(kind: string, key: string, by: number): void {
    this.#sizes.set(kind + key, this.#size(kind, key) + by);
  }
}

function elements(prefix: string): { start: string; end: string } {
  return { start: prefix, end: prefix.slice(0, -1) + AFTER_ELEMENTS };
}

function encodeScore(score: number): string {
  assert(Number.isSafeInteger(score) && Math.abs(score) <= SCORE_MAX, 'scores are whole numbers', { score });
  return String(score + SCORE_MAX).padStart(SCORE_DIGITS, '0');
}

function decodeScore(text: string): number {
  return Number(text) - SCORE_MAX;
}

/** Every key with its content in the form that `Store.dump` promises. */
export function dumpAll(db: Database<string, string>): Record<string, unknown> {
  const dump: Record<string, unknown> = {};
  for (const { key: id, value } of db.getRange({})) {
    const kind = id.slice(0, 1);
    const at = id.indexOf(ELEMENT);
    const key = at < 0 ? id.slice(1) : id.slice(1, at);
    const element = id.slice(at + 1);
    if (kind === 'D') dump[key] = JSON.parse(value);
    else if (kind === 'T') dump[key] = value;
    else if (kind === 'M') dump[key] = { ...(dump[key] as object), [element]: value };
    else if (kind === 'Z')
      append(dump, key, [element.slice(SCORE_DIGITS), decodeScore(element.slice(0, SCORE_DIGITS))]);
    else if (kind === 'S') append(dump, key, element);
    else if (kind === 'L') append(dump, key, value);
  }
  return dump;
}

function append(dump: Record<string, unknown>, key: string, element: unknown): void {
  const elementsSoFar = dump[key] as unknown[] | undefined;
  if (elementsSoFar === undefined) dump[key] = [element];
  else elementsSoFar.push(element);
}
