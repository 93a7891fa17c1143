import type { ConcurrencyScope } from './function-definition.ts';

/**
 * Numbers of one function that an operator put in place of the registered ones; what is absent stays as registered. They change
 * how much, never what is limited: key expressions are the application's.
 */
export interface LimitOverrides {
  /** Requests in progress of the whole function. */
  concurrency?: number;
  /** Of keyed limits, by what they limit: one that the function does not declare (any more) changes nothing. */
  keyed?: { scope: ConcurrencyScope; key: string; limit: number }[];
  /** Runs in progress. */
  run?: number;
  throttle?: { limit?: number; burst?: number; periodMs?: number };
  /** Runs that may wait to be started; further ones are skipped. Those that were scheduled while there was no such limit do not count. */
  backlogMax?: number;
  /** Share of capacity relative to other functions, which have 1. */
  weight?: number;
}
