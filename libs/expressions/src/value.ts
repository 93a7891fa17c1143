import { formatDuration, formatInstant } from './format-time.ts';

/** Values of the dialect that are not JSON. */
abstract class Opaque {
  /** Tells the classes below from maps, also to the compiler. */
  protected readonly isOpaque = true;
}

/** An instant; `ms` since the epoch, with a fraction down to the microsecond. */
export class Timestamp extends Opaque {
  readonly ms: number;

  constructor(ms: number) {
    super();
    this.ms = ms;
  }
}

/** A length of time in milliseconds, possibly negative. */
export class Duration extends Opaque {
  readonly ms: number;

  constructor(ms: number) {
    super();
    this.ms = ms;
  }
}

/** What `type(x)` answers and a bare type name is. */
export class TypeName extends Opaque {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

/**
 * An error inside an expression. It is a value, because `||`, `&&` and `?:` go on past one as past anything falsy,
 * and because an exception for each event that lacks a field would be slow.
 */
export class Failure extends Opaque {
  readonly message: string;

  constructor(message: string) {
    super();
    this.message = message;
  }
}

/** A map: an event's object as JSON parsing made it, or one without a prototype. Only own keys exist. */
export type MapValue = { readonly [key: string]: Value };

/** `undefined` is a missing path; `bigint` is an int; `number` is a double, as every JSON number is. */
export type Value =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Value[]
  | MapValue
  | Timestamp
  | Duration
  | TypeName
  | Failure;

export const INT_MIN = -(2n ** 63n);
export const INT_MAX = 2n ** 63n - 1n;

export function isAbsent(value: Value): value is null | undefined {
  return value === undefined || value === null;
}

export function isNumeric(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is MapValue {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Opaque);
}

/** What counts as true for `||`, `&&`, `!`, `?:` and the macros: empty lists and maps do, errors do not (execution.md 6.3). */
export function isTruthy(value: Value): boolean {
  if (typeof value === 'boolean') return value;
  if (isAbsent(value) || value instanceof Failure) return false;
  if (typeof value === 'string') return value !== '';
  if (typeof value === 'number') return value !== 0 && !Number.isNaN(value);
  return value !== 0n;
}

/** The name that `type(x)` gives. */
export function typeNameOf(value: Value): string {
  if (isAbsent(value)) return 'null_type';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'double';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'string') return 'string';
  if (isList(value)) return 'list';
  if (value instanceof Timestamp) return 'timestamp';
  if (value instanceof Duration) return 'duration';
  if (value instanceof TypeName) return 'type';
  return 'map';
}

/** The field of a map, or undefined: of anything that is no map, for a key that is not the map's own. */
export function fieldOf(value: Value, key: string): Value {
  if (typeof value !== 'object' || value === null) return undefined;
  return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** The text of a scalar, as `string(x)`, concatenation and keys have it; undefined for lists, maps and the rest. */
export function scalarText(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Timestamp) return formatInstant(value.ms);
  if (value instanceof Duration) return formatDuration(value.ms);
  return undefined;
}
