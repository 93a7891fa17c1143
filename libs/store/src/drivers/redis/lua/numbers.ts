/**
 * The Lua twin of `operations/numbers.ts`, in whose place the build compiles this file: Lua's own conversion of a number
 * prints 14 digits.
 */
declare const string: { format(this: void, format: string, value: number): string };
declare function tonumber(this: void, text: string): number;

export function whole(n: number): string {
  // Not '%.0f', which formats a double: this is several times as fast, and exact for all whole numbers.
  return string.format('%d', n);
}

export function int(text: string | undefined): number {
  return text === undefined || text === '' ? 0 : tonumber(text);
}
