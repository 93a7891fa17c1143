/**
 * The data-structure commands that operations are written in: what Redis offers natively and the embedded driver
 * provides over SQLite. All are synchronous and belong to one atomic operation; all values are strings. Commands on an
 * absent key behave as on an empty structure; a structure without elements does not exist.
 *
 * Operations use only what compiles cleanly to Lua 5.1: numbers, strings, arrays, plain objects, bounded loops. Numbers
 * and strings are compared explicitly (`0` and `''` are true in Lua). Lengths of strings differ between the drivers
 * (bytes, UTF-16 units) and must not be branched on: byte sizes come as arguments.
 */
export interface Tx {
  // Documents: small hashes that are read whole. What is read is a copy: later writes do not show in it.
  hget(key: string, field: string): string | undefined;
  /** Undefined when the key is absent. */
  hgetall(key: string): Readonly<Record<string, string>> | undefined;
  hset(key: string, fields: Readonly<Record<string, string>>): void;
  /** Adds a whole number to a field (absent: 0) and answers the sum. */
  hincr(key: string, field: string, by: number): number;
  hdel(key: string, field: string): void;
  /** Gives a document, which must be there, another key; what that held is gone. */
  hmove(key: string, to: string): void;

  // Maps: hashes with many or large fields, one record a field.
  mget(key: string, field: string): string | undefined;
  mhas(key: string, field: string): boolean;
  mset(key: string, field: string, value: string): void;
  /** Sets a field that is absent. Whether it was. */
  madd(key: string, field: string, value: string): boolean;
  mdel(key: string, field: string): void;
  /** In no particular order, as pairs [field, value]. */
  mall(key: string): [string, string][];

  get(key: string): string | undefined;
  /** Whether there is a string, without reading it. */
  has(key: string): boolean;
  set(key: string, value: string): void;

  /** Whether the member was not there before. */
  sadd(key: string, member: string): boolean;
  /** Whether the member was there. */
  srem(key: string, member: string): boolean;
  scard(key: string): number;
  /** Up to `max` members, in no particular order. */
  smembers(key: string, max: number): string[];
  sismember(key: string, member: string): boolean;

  /** Scores are finite doubles; equal scores sort by the bytes of the member. */
  zadd(key: string, score: number, member: string): void;
  /** Whether the member was there. */
  zrem(key: string, member: string): boolean;
  zscore(key: string, member: string): number | undefined;
  zcard(key: string): number;
  /** How many members come before this one. Costs the embedded driver as many reads. */
  zrank(key: string, member: string): number | undefined;
  /** Lowest first, pairs [member, score]. */
  zfirst(key: string, max: number): [string, number][];
  /** The same, of members whose score is `score` or less: what is not due costs nothing. */
  zupto(key: string, score: number, max: number): [string, number][];
  /** The same, of members whose score is above `score`. */
  zafter(key: string, score: number, max: number): [string, number][];

  /** Appends; `index` is the length of the list so far, which the caller keeps (RPUSH needs it not, the embedded driver does). */
  lput(key: string, index: number, value: string): void;
  lrange(key: string): string[];

  // Each removes the key, which holds that or nothing.
  hdrop(key: string): void;
  mdrop(key: string): void;
  drop(key: string): void;
  sdrop(key: string): void;
  ldrop(key: string): void;
}
