import { PerdureError } from '@perdure/domain';

/**
 * `HISTORY_UNAVAILABLE`: the database cannot be reached, has ended, took too long, or cannot do now what is asked
 * (overloaded, full, being switched over, not set up as it must be); nothing of the call is known to be stored, and it
 * may be repeated. `HISTORY_REFUSED`: something of what was given cannot be stored, and nothing of the call is; repeating
 * it fails again. `HISTORY_TOO_NEW`: a newer version has changed the tables; only that one can use them.
 *
 * The fact `sqlState` is what Postgres answered with, where it answered.
 */
export class HistoryError extends PerdureError {
  declare readonly code: 'HISTORY_UNAVAILABLE' | 'HISTORY_REFUSED' | 'HISTORY_TOO_NEW';
}
