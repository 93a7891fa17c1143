import { HistoryError } from '../../history-error.ts';

/**
 * SQLSTATE classes that say that a value is to blame: data exceptions, integrity, limits of a row or an index entry. All
 * others say something about the server or how it is set up: taken for a value's fault, a lost permission would make
 * whoever records give up one record after the other.
 */
const VALUE_TO_BLAME = /^(22|23|54)/;

/** The port's error for a statement that failed; `code` is the SQLSTATE, undefined when no answer came. */
export function statementError(code: string | undefined, cause: unknown): HistoryError {
  if (cause instanceof HistoryError) return cause;
  const reason = reasonOf(cause);
  if (code === undefined) {
    return new HistoryError('HISTORY_UNAVAILABLE', `the history database does not answer: ${reason}`, { cause });
  }
  const facts = { sqlState: code, cause };
  return VALUE_TO_BLAME.test(code)
    ? new HistoryError('HISTORY_REFUSED', `the history database refused what it was given: ${reason}`, facts)
    : new HistoryError('HISTORY_UNAVAILABLE', `the history database cannot do it now: ${reason}`, facts);
}

/** Of several addresses of one host that all failed, the first one's reason: the whole has none. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
