export { createLogger, type LogFormat, type LoggerOptions } from './create-logger.ts';
export { LOG_LEVELS, type Facts, type Logger, type LogLevel } from './logger.ts';
export { redactText } from './plain-facts.ts';
export { recordingLogger, silentLogger, type LogLine, type RecordingLogger } from './test-loggers.ts';
