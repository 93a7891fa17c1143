/**
 * The data-structure commands that operations are written in: what Redis offers natively and the embedded driver
 * provides over LMDB. All are synchronous and belong to one atomic operation; all values are strings. Commands on an
 * absent key behave as on an empty structure; a structure without elements does not exist.
 *
 * Operations use only what compiles cleanly to Lua 5.1: numbers, strings, arrays, plain objects, bounded loops. Lengths
 * of strings differ between the drivers (bytes, UTF-16 units) and must not be branched on: byte sizes come as arguments.
 */
export interface Tx {
  // Documents: small hashes that are read and written whole or by field.
  hget(key: string, field: string): string | undefined;
  /** Undefined when the key is absent. */
  hgetall(key: string): Record<string, string> | undefined;
  hset(key: string, fields: Record<string, string>): void;
  hdel(key: string, field: string): void;

  // Maps: hashes with many or large fields, one record a field.
  mget(key: string, field: string): string | undefined;
  mset(key: string, field: string, value: string): void;
  mdel(key: string, field: string): void;
  /** Fields in no particular order, as pairs [field, value]. */
  mall(key: string): [string, string][];

  get(key: string): string | undefined;
  set(key: string, value: string): void;

  sadd(key: string, member: string): boolean;
  srem(key: string, member: string): boolean;
  scard(key: string): number;
  smembers(key: string, max: number): string[];
  sismember(key: string, member: string): boolean;

  /** Scores are finite doubles; equal scores sort by the bytes of the member. */
  zadd(key: string, score: number, member: string): void;
  zrem(key: string, member: string): boolean;
  zscore(key: string, member: string): number | undefined;
  zcard(key: string): number;
  /** Lowest first, pairs [member, score]. */
  zfirst(key: string, max: number): [string, number][];

  rpush(key: string, value: string): number;
  lrange(key: string): string[];
  llen(key: string): number;

  /** Removes the key, whatever it holds. */
  del(key: string): void;
  exists(key: string): boolean;
}

/** A decimal string of a whole number, the same in JavaScript and Lua (whose own conversion prints 14 digits). */
export declare function whole(n: number): string;
