import { Packr } from 'msgpackr';

/**
 * Arguments and results as both `cmsgpack` of Redis and JavaScript read them exactly: plain maps, whole numbers up to
 * 2^53, doubles at full width, strings of any size. `undefined` becomes nil, which Lua drops from tables.
 */
const codec = new Packr({
  useRecords: false,
  variableMapSize: true,
  encodeUndefinedAsNil: true,
  int64AsType: 'number',
});

export function packArguments(args: unknown): Buffer {
  return codec.pack(args);
}

/** Lua has one empty table: an empty record arrives as an empty array. A result that is nil arrives as undefined. */
export function unpackResult(reply: Buffer): unknown {
  const result: unknown = codec.unpack(reply);
  return result ?? undefined;
}
