export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What is special about one line: `error` for an exception, IDs, counts with their unit. Keys that name secrets are redacted. */
export type Facts = Readonly<Record<string, unknown>>;

/**
 * `message` is a constant sentence, all that varies is in the facts (style.md 10). error: somebody must act. warn:
 * unexpected, handled. info: life of processes and runs. debug: loops and queues. trace: single messages.
 */
export interface Logger {
  trace(message: string, facts?: Facts): void;
  debug(message: string, facts?: Facts): void;
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
  /** A logger that adds `facts` to each of its lines. */
  child(facts: Facts): Logger;
}

/** A logger that hands each line to `write`; what every kind of logger here is made of. */
export function loggerOf(write: (level: LogLevel, message: string, facts: Facts) => void, common: Facts = {}): Logger {
  const at = (level: LogLevel) => (message: string, facts?: Facts) => write(level, message, { ...common, ...facts });
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (facts) => loggerOf(write, { ...common, ...facts }),
  };
}
