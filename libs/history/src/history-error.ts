import { PerdureError } from '@perdure/domain';

/**
 * `HISTORY_UNAVAILABLE`: the database cannot be reached or has ended; nothing of the call is known to be stored, and it
 * may be repeated. `HISTORY_REJECTED`: the database refused the statement; repeating it fails again.
 */
export class HistoryError extends PerdureError {
  declare readonly code: 'HISTORY_UNAVAILABLE' | 'HISTORY_REJECTED';
}
