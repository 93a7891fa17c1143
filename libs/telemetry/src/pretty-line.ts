import pretty from 'pino-pretty';

const PLAIN_WORD = /^[\w.:/@+-]+$/;

interface Line {
  level: string;
  time: string;
  message: string;
  facts: Record<string, unknown>;
}

interface PlainError {
  name: string;
  message: string;
  code?: unknown;
  stack?: unknown;
  cause?: unknown;
}

/**
 * Turns a JSON line into a line for people: time, level, message, facts as `name=value`. Under a line of level `error`
 * stands the stack of its exception, indented.
 */
export function prettyLines({ colors }: { colors: boolean }): (line: string) => string {
  const format = pretty.prettyFactory({
    colorize: colors,
    messageKey: 'message',
    translateTime: 'SYS:HH:MM:ss.l',
    hideObject: true,
    messageFormat: (line, _key, _label, { colors: paint }) => describe(line as unknown as Line, paint.gray),
  });
  return (line) => {
    const { level, time, message, ...facts }: Line & Record<string, unknown> = JSON.parse(line);
    // Set apart, since pino-pretty gives some names (name, pid, hostname) a meaning and prints them as they are.
    return format({ level, time, message, facts });
  };
}

function describe(line: Line, dim: (text: string) => string): string {
  const facts = Object.entries(line.facts);
  const described = facts.map(([name, value]) => `${name}=${describeValue(value)}`).join(' ');
  const stack = line.level === 'error' ? facts.map(([, value]) => stackOf(value)).join('') : '';
  return `${line.message}${described === '' ? '' : `  ${dim(described)}`}${dim(stack)}`;
}

function describeValue(value: unknown): string {
  if (isError(value)) return quote(describeError(value));
  return typeof value === 'string' ? quote(value) : JSON.stringify(value);
}

function quote(text: string): string {
  return PLAIN_WORD.test(text) ? text : JSON.stringify(text);
}

function describeError(error: PlainError): string {
  const label = typeof error.code === 'string' ? error.code : error.name;
  const cause = isError(error.cause) ? ` (because of ${describeError(error.cause)})` : '';
  return `${label}: ${error.message}${cause}`;
}

/** The places of the stack alone: name and message stand in the line already. */
function stackOf(value: unknown): string {
  if (!isError(value) || typeof value.stack !== 'string') return '';
  const places = value.stack.split('\n').filter((line) => line.trimStart().startsWith('at '));
  return places.map((place) => `\n    ${place.trim()}`).join('') + stackOf(value.cause);
}

function isError(value: unknown): value is PlainError {
  return typeof value === 'object' && value !== null && 'message' in value && 'name' in value;
}
