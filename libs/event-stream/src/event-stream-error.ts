import { PerdureError } from '@perdure/domain';

/**
 * `STREAM_CLOSED`: used after `close`. `STREAM_UNAVAILABLE`: the service that holds the stream is not there.
 * `STREAM_WRITE_FAILED`, `DISK_FULL`: it refuses to store. Nothing of the call is acknowledged; it may be repeated.
 * `STREAM_MISCONFIGURED`: the service refuses the settings of the stream. `STREAM_BODY_LOST`: part of a stored message is
 * gone.
 */
export class EventStreamError extends PerdureError {
  declare readonly code:
    | 'STREAM_CLOSED'
    | 'STREAM_UNAVAILABLE'
    | 'STREAM_WRITE_FAILED'
    | 'STREAM_MISCONFIGURED'
    | 'STREAM_BODY_LOST'
    | 'DISK_FULL';
}
