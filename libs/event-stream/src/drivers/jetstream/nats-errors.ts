import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

import { EventStreamError } from '../../event-stream-error.ts';

/** What JetStream answers when it refuses, as it stands on the wire. */
export interface ApiFailure {
  code: number;
  err_code: number;
  description: string;
}

/**
 * Codes of JetStream's API (errors.json of nats-server). Not the HTTP-like `code` beside them: a full disk and a cluster
 * without a leader are both 503.
 */
const UNAVAILABLE_CODES = new Set([
  10_004, // incomplete results
  10_008, // system temporarily unavailable
  10_009, // no leader
  10_039, // JetStream not enabled for the account: also while it starts
  10_076, // JetStream not enabled: also while it starts
  10_118, // stream offline
  10_119, // consumer offline
  10_194, // stream offline: why
  10_195, // consumer offline: why
]);
const FULL_CODES = new Set([
  10_002, // resource limits of the account
  10_023, // insufficient resources
  10_028, // insufficient memory
  10_047, // insufficient storage
]);
const STORE_FAILED_CODE = 10_077;
const FULL_TEXT = /maximum (bytes|messages)|resource|no space|insufficient/i;
/** Creating a stream while not all servers of a new cluster are there yet. */
const NO_PEERS_CODE = 10_005;

export function isUnavailable({ err_code: code }: ApiFailure): boolean {
  return UNAVAILABLE_CODES.has(code);
}

/** Whether declaring may succeed a moment later. */
export function mayBecomePossible(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return !(error instanceof EventStreamError);
  const failure = error.apiError();
  return isUnavailable(failure) || failure.err_code === NO_PEERS_CODE || FULL_CODES.has(failure.err_code);
}

/** Why something could not be stored, as an error of the port. */
export function refusal(failure: ApiFailure): EventStreamError {
  const { err_code: code, description } = failure;
  const isFull = FULL_CODES.has(code) || (code === STORE_FAILED_CODE && FULL_TEXT.test(description));
  if (isFull) return new EventStreamError('DISK_FULL', `the storage of NATS is full: ${description}`, { failure });
  if (isUnavailable(failure)) return unavailable(description, failure);
  return new EventStreamError('STREAM_WRITE_FAILED', `NATS refused to store: ${description}`, { failure });
}

export function unavailable(why: string, cause?: unknown): EventStreamError {
  return new EventStreamError('STREAM_UNAVAILABLE', `the event stream is not available: ${why}`, { cause });
}

/** An error of the client or of JetStream as one of the port. */
export function toStreamError(error: unknown): EventStreamError {
  if (error instanceof EventStreamError) return error;
  if (error instanceof JetStreamApiError && !isUnavailable(error.apiError())) {
    const message = `NATS refused: ${error.message}`;
    return new EventStreamError('STREAM_UNAVAILABLE', message, { cause: error });
  }
  return unavailable(reasonOf(error), error);
}

export function reasonOf(error: unknown): string {
  if (error instanceof errors.TimeoutError) return 'NATS did not answer in time';
  return error instanceof Error ? error.message : String(error);
}
