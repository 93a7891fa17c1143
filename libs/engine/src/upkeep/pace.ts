/** Commands a second that one process may send to the store for one kind of looking, all cells together. */
const LOOKS_PER_SECOND_MAX = 2;

/** How often each of `cells` may be looked at when nothing happens: `ms`, or less often where there are many cells. */
export function idlePace(ms: number, cells: number): number {
  return Math.max(ms, (cells * 1_000) / LOOKS_PER_SECOND_MAX);
}

/** How often `size` things are gone through: every `ms`, or less often, so that each takes up one look in `msEach`. */
export function paceBySize(ms: number, size: number, msEach: number): number {
  return Math.max(ms, size * msEach);
}
