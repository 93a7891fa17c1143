import { HistoryError } from '../../history-error.ts';

/** SQLSTATE classes of a server that is not there, overloaded, full or going away, and of transactions that collided. */
const MAY_BE_REPEATED = /^(08|25006|40|53|57P|58)/;

/** The port's error for a statement that failed; `code` is the SQLSTATE, undefined when no answer came. */
export function statementError(code: string | undefined, cause: unknown): HistoryError {
  if (cause instanceof HistoryError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return code === undefined || MAY_BE_REPEATED.test(code)
    ? new HistoryError('HISTORY_UNAVAILABLE', `the history database does not answer: ${message}`, { cause })
    : new HistoryError('HISTORY_REJECTED', `the history database refused a statement: ${message}`, { cause });
}
