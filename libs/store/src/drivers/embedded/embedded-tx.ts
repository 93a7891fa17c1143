import { assert } from '@perdure/domain';
import type { Tx } from '../../operations/tx.ts';
import { RecentMap } from './recent-map.ts';
import type { SqliteTable } from './sqlite-table.ts';

/*
 * Layout: one table, ordered by the bytes of its keys. After the store's key and a line feed (which no key contains)
 * comes the kind of record, then the element. So all of a key, and all of a run, lies together, and an operation
 * changes few pages:
 *
 *   <key>\nD              document, as JSON            <key>\nT           string
 *   <key>\nM<field>       element of a map             <key>\nS<member>   member of a set
 *   <key>\nZ<score><member>  sorted set by score       <key>\nY<member>   the member's score
 *   <key>\nL<index>       element of a list
 *
 * The process that opened the folder is the only one that writes it, so what is cached here stays true: documents
 * (written back once a transaction), and the sizes of sets.
 */

const SEPARATOR = '\n';
/** Sorts after every key. */
const HIGHEST = '\u{10ffff}';
/** Scores are whole numbers beyond neither -SCORE_MAX nor SCORE_MAX, stored with this added, in SCORE_DIGITS digits. */
const SCORE_MAX = 4_000_000_000_000_000;
const SCORE_DIGITS = 16;
const INDEX_DIGITS = 8;
/** Twice as many at most are cached. */
const DOCS_CACHED = 10_000;
const SIZES_CACHED = 25_000;
/** Larger documents (they hold outputs or events) are not cached. */
const CACHED_CHARS_MAX = 8192;

type Fields = Readonly<Record<string, string>>;

/** The commands of operations over a table. Used inside a transaction only; `flush` before it commits. */
export class EmbeddedTx implements Tx {
  readonly #table: SqliteTable;
  /** Documents that this transaction changed; undefined: removed. */
  readonly #changed = new Map<string, Fields | undefined>();
  /** Documents as they are stored; null: there is none. */
  readonly #docs = new RecentMap<Fields | null>(DOCS_CACHED);
  /** Of sets and sorted sets. */
  readonly #sizes = new RecentMap<number>(SIZES_CACHED);

  constructor(table: SqliteTable) {
    this.#table = table;
  }

  // ---------------------------------------------------------------------------------------------- documents, strings

  #doc(key: string): Fields | undefined {
    const changed = this.#changed.get(key);
    if (changed !== undefined || this.#changed.has(key)) return changed;
    const cached = this.#docs.get(key);
    if (cached !== undefined) return cached ?? undefined;
    const stored = this.#table.get(`${key}${SEPARATOR}D`);
    const doc = stored === undefined ? null : (JSON.parse(stored) as Fields);
    if (stored === undefined || stored.length <= CACHED_CHARS_MAX) this.#docs.set(key, doc);
    return doc ?? undefined;
  }

  hget(key: string, field: string): string | undefined {
    return this.#doc(key)?.[field];
  }

  hgetall(key: string): Fields | undefined {
    return this.#doc(key);
  }

  hset(key: string, fields: Fields): void {
    // A new object each time: what was read before stays as it was read.
    this.#changed.set(key, { ...this.#doc(key), ...fields });
  }

  hincr(key: string, field: string, by: number): number {
    const sum = Number(this.#doc(key)?.[field] || 0) + by;
    this.hset(key, { [field]: String(sum) });
    return sum;
  }

  hdel(key: string, field: string): void {
    const { [field]: _, ...rest } = this.#doc(key) ?? {};
    this.#changed.set(key, Object.keys(rest).length === 0 ? undefined : rest);
  }

  hmove(key: string, to: string): void {
    this.#changed.set(to, this.#doc(key));
    this.#changed.set(key, undefined);
  }

  get(key: string): string | undefined {
    return this.#table.get(`${key}${SEPARATOR}T`);
  }

  has(key: string): boolean {
    return this.#table.has(`${key}${SEPARATOR}T`);
  }

  set(key: string, value: string): void {
    this.#table.put(`${key}${SEPARATOR}T`, value);
  }

  drop(key: string): void {
    this.#table.remove(`${key}${SEPARATOR}T`);
  }

  hdrop(key: string): void {
    this.#changed.set(key, undefined);
  }

  // ------------------------------------------------------------------------------------------------------ maps, lists

  mget(key: string, field: string): string | undefined {
    return this.#table.get(`${key}${SEPARATOR}M${field}`);
  }

  mhas(key: string, field: string): boolean {
    return this.#table.has(`${key}${SEPARATOR}M${field}`);
  }

  mset(key: string, field: string, value: string): void {
    this.#table.put(`${key}${SEPARATOR}M${field}`, value);
  }

  madd(key: string, field: string, value: string): boolean {
    return this.#table.add(`${key}${SEPARATOR}M${field}`, value);
  }

  mdel(key: string, field: string): void {
    this.#table.remove(`${key}${SEPARATOR}M${field}`);
  }

  mall(key: string): [string, string][] {
    const prefix = `${key}${SEPARATOR}M`;
    return this.#rows(prefix).map(([id, value]) => [id.slice(prefix.length), value]);
  }

  lput(key: string, index: number, value: string): void {
    this.#table.put(`${key}${SEPARATOR}L${String(index).padStart(INDEX_DIGITS, '0')}`, value);
  }

  lrange(key: string): string[] {
    return this.#rows(`${key}${SEPARATOR}L`).map(([, value]) => value);
  }

  // ------------------------------------------------------------------------------------------------------------- sets

  sadd(key: string, member: string): boolean {
    const size = this.#size('S', key);
    if (!this.#table.add(`${key}${SEPARATOR}S${member}`, '')) return false;
    this.#sizes.set(key, size + 1);
    return true;
  }

  srem(key: string, member: string): boolean {
    const size = this.#size('S', key);
    if (size === 0 || !this.#table.remove(`${key}${SEPARATOR}S${member}`)) return false;
    this.#sizes.set(key, size - 1);
    return true;
  }

  scard(key: string): number {
    return this.#size('S', key);
  }

  smembers(key: string, max: number): string[] {
    return this.#elementsOf('S', key, max);
  }

  sismember(key: string, member: string): boolean {
    return this.#table.has(`${key}${SEPARATOR}S${member}`);
  }

  // ------------------------------------------------------------------------------------------------------ sorted sets

  zadd(key: string, score: number, member: string): void {
    const id = `${key}${SEPARATOR}Y${member}`;
    const encoded = encodeScore(score);
    const size = this.#size('Y', key);
    if (this.#table.add(id, encoded)) {
      this.#sizes.set(key, size + 1);
    } else {
      const old = this.#table.get(id);
      if (old === encoded) return;
      this.#table.remove(`${key}${SEPARATOR}Z${old}${member}`);
      this.#table.put(id, encoded);
    }
    this.#table.put(`${key}${SEPARATOR}Z${encoded}${member}`, '');
  }

  zrem(key: string, member: string): boolean {
    const id = `${key}${SEPARATOR}Y${member}`;
    const old = this.#table.get(id);
    if (old === undefined) return false;
    this.#grow('Y', key, -1);
    this.#table.remove(id);
    this.#table.remove(`${key}${SEPARATOR}Z${old}${member}`);
    return true;
  }

  zscore(key: string, member: string): number | undefined {
    const stored = this.#table.get(`${key}${SEPARATOR}Y${member}`);
    return stored === undefined ? undefined : decodeScore(stored);
  }

  zcard(key: string): number {
    return this.#size('Y', key);
  }

  zrank(key: string, member: string): number | undefined {
    const encoded = this.#table.get(`${key}${SEPARATOR}Y${member}`);
    const prefix = `${key}${SEPARATOR}Z`;
    return encoded === undefined ? undefined : this.#table.count(prefix, prefix + encoded + member);
  }

  zfirst(key: string, max: number): [string, number][] {
    const prefix = `${key}${SEPARATOR}Z`;
    return this.#size('Y', key) === 0 ? [] : this.#byScore(prefix, prefix, endOf(prefix), max);
  }

  zupto(key: string, score: number, max: number): [string, number][] {
    const prefix = `${key}${SEPARATOR}Z`;
    return this.#size('Y', key) === 0 ? [] : this.#byScore(prefix, prefix, prefix + encodeScore(score + 1), max);
  }

  zafter(key: string, score: number, max: number): [string, number][] {
    const prefix = `${key}${SEPARATOR}Z`;
    return this.#byScore(prefix, prefix + encodeScore(score + 1), endOf(prefix), max);
  }

  #byScore(prefix: string, start: string, end: string, max: number): [string, number][] {
    const at = prefix.length + SCORE_DIGITS;
    return this.#table.keys(start, end, max).map((id) => [id.slice(at), decodeScore(id.slice(prefix.length, at))]);
  }

  // -------------------------------------------------------------------------------------------------- the whole of it

  mdrop(key: string): void {
    this.#removeElements(`${key}${SEPARATOR}M`);
  }

  ldrop(key: string): void {
    this.#removeElements(`${key}${SEPARATOR}L`);
  }

  sdrop(key: string): void {
    if (this.#size('S', key) === 0) return;
    this.#removeElements(`${key}${SEPARATOR}S`);
    this.#sizes.set(key, 0);
  }

  #removeElements(prefix: string): void {
    this.#table.removeRange(prefix, endOf(prefix));
  }

  #rows(prefix: string): [string, string][] {
    return this.#table.rows(prefix, endOf(prefix));
  }

  /** Writes changed documents. To be called at the end of each transaction that is to commit. */
  flush(): void {
    for (const [key, doc] of this.#changed) {
      if (doc === undefined) this.#removeDoc(key);
      else this.#putDoc(key, doc);
    }
    this.#changed.clear();
  }

  #removeDoc(key: string): void {
    this.#table.remove(`${key}${SEPARATOR}D`);
    this.#docs.delete(key);
  }

  #putDoc(key: string, doc: Fields): void {
    const text = JSON.stringify(doc);
    this.#table.put(`${key}${SEPARATOR}D`, text);
    if (text.length <= CACHED_CHARS_MAX) this.#docs.set(key, doc);
    else this.#docs.delete(key);
  }

  /** Forgets everything that a transaction that did not commit left in memory. */
  reset(): void {
    this.#changed.clear();
    this.#docs.clear();
    this.#sizes.clear();
  }

  #elementsOf(kind: string, key: string, max: number): string[] {
    if (max <= 0 || this.#size(kind, key) === 0) return [];
    const prefix = key + SEPARATOR + kind;
    return this.#table.keys(prefix, endOf(prefix), max).map((id) => id.slice(prefix.length));
  }

  #size(kind: string, key: string): number {
    const cached = this.#sizes.get(key);
    if (cached !== undefined) return cached;
    const prefix = key + SEPARATOR + kind;
    const size = this.#table.count(prefix, endOf(prefix));
    this.#sizes.set(key, size);
    return size;
  }

  #grow(kind: string, key: string, by: number): void {
    this.#sizes.set(key, this.#size(kind, key) + by);
  }
}

/** Where the keys end that begin with the prefix, whose last character is the letter of a kind. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

function encodeScore(score: number): string {
  assert(Number.isSafeInteger(score) && Math.abs(score) <= SCORE_MAX, 'scores are whole numbers', { score });
  return String(score + SCORE_MAX).padStart(SCORE_DIGITS, '0');
}

function decodeScore(text: string): number {
  return Number(text) - SCORE_MAX;
}

/** Every key with its content in the form that `Store.dump` promises. */
export function dumpAll(table: SqliteTable): Record<string, unknown> {
  const dump: Record<string, unknown> = {};
  for (const [id, value] of table.rows('', HIGHEST)) {
    const at = id.indexOf(SEPARATOR);
    const key = id.slice(0, at);
    const kind = id.slice(at + 1, at + 2);
    const element = id.slice(at + 2);
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
