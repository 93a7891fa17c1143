import type { Meter } from './meter.ts';
import type { Value } from './value.ts';

/** What a function may know besides its arguments; `nowMs` is the time of the evaluation. */
export interface Surroundings {
  readonly nowMs: number;
  readonly meter: Meter;
}

export interface FunctionRule {
  /** Whether it is called as `f(x)`, as `x.f()` or as either; a receiver is the first argument. */
  style: 'function' | 'method' | 'either';
  arities: readonly number[];
  /** The answer when any argument is missing or null; without it the function itself sees such an argument. */
  whenAbsent?: Value;
  /** Depends on the time of evaluation, so its value is never kept. */
  isVolatile?: true;
  /** Never called with a failure among its arguments. */
  apply(args: readonly Value[], surroundings: Surroundings): Value;
}
