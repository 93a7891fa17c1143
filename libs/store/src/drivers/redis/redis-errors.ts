import { PerdureError } from '@perdure/domain';

/** The server lost the library, or is a new one: it is loaded and the operation repeated. */
export function isLibraryLost(error: unknown): boolean {
  return messageOf(error).startsWith('ERR Function not found');
}

/** Another process loaded the same library in the meantime. */
export function isLibraryLoaded(error: unknown): boolean {
  return /^ERR Library '.*' already exists/.test(messageOf(error));
}

/**
 * Errors after which the same operation is repeated with the same arguments, the only such list of this driver. After
 * those of the connection the outcome is unknown; after those of the server nothing was done.
 */
const RETRYABLE = [
  // Connection.
  /^Connection is closed/,
  /^Reached the max retries per request limit/,
  /^Command aborted due to connection close/,
  /^Socket timeout/,
  /^(read|write|connect) E[A-Z]+/,
  // Server: starting, failing over, busy with a long script.
  /^LOADING /,
  /^MASTERDOWN /,
  /^READONLY /,
  /^CLUSTERDOWN /,
  /^TRYAGAIN /,
  /^BUSY /,
  /^NOREPLICAS /,
];

export function isRetryable(error: unknown): boolean {
  const message = messageOf(error);
  return RETRYABLE.some((pattern) => pattern.test(message));
}

/** What callers get of an error of Redis or its client. */
export function storeError(error: unknown, operation: string): PerdureError {
  // The client attaches the command with its arguments: megabytes of users' data that would end up in logs.
  if (error instanceof Error) Reflect.deleteProperty(error, 'command');
  const message = messageOf(error);
  if (message.startsWith('OOM ')) {
    return new PerdureError('STORE_FULL', 'Redis has reached its maxmemory and refuses writes', {
      operation,
      cause: error,
    });
  }
  if (message.startsWith('MISCONF ')) {
    return new PerdureError('STORE_FULL', 'Redis cannot write to its disk', { operation, cause: error });
  }
  if (isRetryable(error)) {
    return new PerdureError('STORE_UNAVAILABLE', 'Redis does not answer', { operation, cause: error });
  }
  return new PerdureError('STORE_FAILED', `Redis refused an operation: ${message}`, { operation, cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
