import type { Tx } from '../../../operations/tx.ts';
import { luaTx, useCell } from './lua-tx.ts';

declare const redis: { call(this: void, command: 'TIME'): [string, string] };
declare const cmsgpack: {
  pack(this: void, value: unknown): string;
  unpack(this: void, text: string): never;
};
declare function tonumber(this: void, text: string): number;

export type Operation = (tx: Tx, now: number, args: never) => unknown;

/**
 * Serves one FCALL. Its key is the prefix of the cell's keys, whose hash tag routes it. Its arguments are the operation's
 * name, the operation's arguments as MessagePack and, in tests only, the instant to take for now. Answers MessagePack.
 */
export function runOperation(operations: Record<string, Operation>, keys: string[], args: string[]): string {
  useCell(keys[0]!);
  const operation = operations[args[0]!]!;
  // A value of its own: what answers nothing at all would give `pack` no argument.
  const result = operation(luaTx, instantOf(args[2]), cmsgpack.unpack(args[1]!));
  return cmsgpack.pack(result);
}

function instantOf(given: string | undefined): number {
  if (given !== undefined) return tonumber(given);
  const [seconds, microseconds] = redis.call('TIME');
  return tonumber(seconds) * 1000 + Math.floor(tonumber(microseconds) / 1000);
}
