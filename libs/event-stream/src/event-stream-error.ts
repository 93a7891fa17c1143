import { PerdureError } from '@perdure/domain';

/** `STREAM_CLOSED`: used after `close`. `STREAM_WRITE_FAILED`: nothing of the call is acknowledged; it may be repeated. */
export class EventStreamError extends PerdureError {
  declare readonly code: 'STREAM_CLOSED' | 'STREAM_WRITE_FAILED';
}
