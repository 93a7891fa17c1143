/**
 * Milliseconds since 1970 with fractions, from a clock that does not jump: comparable between the threads of a process
 * and, on one machine, with instants that a server writes.
 */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
