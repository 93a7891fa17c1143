import { type Facts, type Logger, loggerOf, type LogLevel } from './logger.ts';

/** Drops everything. */
export const silentLogger: Logger = loggerOf(() => {});

export interface LogLine {
  level: LogLevel;
  message: string;
  facts: Facts;
}

export interface RecordingLogger extends Logger {
  /** What it and its children were given, oldest first, exactly as given. */
  readonly lines: readonly LogLine[];
}

/** Keeps every line for a test to look at. */
export function recordingLogger(): RecordingLogger {
  const lines: LogLine[] = [];
  return { ...loggerOf((level, message, facts) => lines.push({ level, message, facts })), lines };
}
