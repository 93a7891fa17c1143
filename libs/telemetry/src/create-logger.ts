import { destination, pino, stdTimeFunctions } from 'pino';
import { LOG_LEVELS, type Logger, loggerOf, type LogLevel } from './logger.ts';
import { plainFacts, redactText } from './plain-facts.ts';
import { prettyLines } from './pretty-line.ts';

export type LogFormat = 'pretty' | 'json';

export interface LoggerOptions {
  /** Lines below this level are dropped before anything is computed for them. */
  level: LogLevel;
  format: LogFormat;
  /** Where lines go; by default standard output. Each line ends with a newline. */
  stream?: { write(line: string): unknown };
  /** Whether pretty lines are coloured; by default if they go to a terminal. */
  colors?: boolean;
}

/**
 * A logger of the process. Lines are written before the call returns, so that none is lost when the process ends, however
 * it ends; at the usual level there are few enough of them.
 */
export function createLogger({ level, format, stream, colors }: LoggerOptions): Logger {
  const out = stream ?? destination({ fd: process.stdout.fd, sync: true });
  const isTerminal = stream === undefined && process.stdout.isTTY;
  const pretty = format === 'pretty' ? prettyLines({ colors: colors ?? isTerminal }) : undefined;
  const lines = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => out.write(pretty === undefined ? line : pretty(line)) },
  );
  const lowest = LOG_LEVELS.indexOf(level);
  return loggerOf((at, message, facts) => {
    if (LOG_LEVELS.indexOf(at) >= lowest) lines[at](plainFacts(facts), redactText(message));
  });
}
