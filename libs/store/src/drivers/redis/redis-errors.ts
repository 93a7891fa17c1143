import { PerdureError } from '@perdure/domain';

/** The server lost the library, or is a new one: it is loaded and the operation repeated. */
export function isLibraryLost(error: unknown): boolean {
  return messageOf(error).startsWith('ERR Function not found');
}

/** Another process loaded the same library in the meantime. */
export function isLibraryLoaded(error: unknown): boolean {
  return /^ERR Library '.*' already exists/.test(messageOf(error));
}

/** It is to be removed, and is not there. */
export function isLibraryGone(error: unknown): boolean {
  return messageOf(error).startsWith('ERR Library not found');
}

/** The server took a role in which it does not write: its place has been, or is being, taken by another. */
export function isDemoted(error: unknown): boolean {
  return /^(READONLY|UNBLOCKED) /.test(messageOf(error));
}

/** Where the cluster says that the slot is now; an empty host is that of the server which said so. */
export function movedTo(error: unknown): { slot: number; host: string; port: number } | undefined {
  const [, slot, host = '', port] = /^MOVED (\d{1,5}) (\S*):(\d{1,5})$/.exec(messageOf(error)) ?? [];
  return slot === undefined ? undefined : { slot: Number(slot), host, port: Number(port) };
}

/**
 * Errors after which the same operation is repeated with the same arguments, the only such list of this driver. After
 * those of the connection the outcome is unknown; after those of the server nothing was done.
 */
const RETRYABLE = [
  // Connection.
  /^Connection is closed/,
  /^Stream isn't writeable/,
  /^Redis is already connecting/,
  /^Command aborted due to connection close/,
  /^Socket timeout/,
  /^Socket closed unexpectedly/,
  /^This socket has been ended by the other party/,
  /^Client network socket disconnected/,
  /^All sentinels are unreachable/,
  /^(read|write|connect|getaddrinfo) E[A-Z_]+/,
  // Server: starting, failing over, busy with a long script, not yet copied to replicas or to the disk.
  /^LOADING /,
  /^MASTERDOWN /,
  /^READONLY /,
  /^UNBLOCKED /,
  /^CLUSTERDOWN /,
  /^TRYAGAIN /,
  /^BUSY /,
  /^NOREPLICAS /,
  /^NOFLUSH /,
  // Cluster. A slot that is being migrated answers ASK: see `RedisCell`.
  /^MOVED /,
  /^ASK /,
];

/** Not repeated: it would not help. */
const OVERLOADED = /^Too many commands wait for Redis/;

export function isRetryable(error: unknown): boolean {
  // Ours are decisions.
  if (error instanceof PerdureError) return false;
  const message = messageOf(error);
  return RETRYABLE.some((pattern) => pattern.test(message));
}

/** What callers get of an error of Redis or its client. */
export function storeError(error: unknown, operation: string): PerdureError {
  if (error instanceof PerdureError) return error;
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
  if (isRetryable(error) || OVERLOADED.test(message)) {
    return new PerdureError('STORE_UNAVAILABLE', `Redis is not available: ${message}`, { operation, cause: error });
  }
  return new PerdureError('STORE_FAILED', `Redis refused an operation: ${message}`, { operation, cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
