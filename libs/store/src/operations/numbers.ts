/**
 * Numbers as stored strings. This file alone has a hand-written Lua twin: Lua's own conversion prints 14 digits, and
 * instants in microseconds have 16.
 */

/** A decimal string of a whole number. */
export function whole(n: number): string {
  return String(n);
}

/** The number in a decimal string; 0 for an absent or empty one. */
export function int(text: string | undefined): number {
  return text === undefined || text === '' ? 0 : Number(text);
}
