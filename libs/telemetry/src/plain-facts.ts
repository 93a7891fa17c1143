import type { Facts } from './logger.ts';

/** Values below this are cut off: a log line is read by people. */
const DEPTH_MAX = 6;
const ENTRIES_MAX = 50;
const TEXT_LENGTH_MAX = 8_000;
const CAUSES_MAX = 5;

/** Every line has these of its own; a fact of the same name gets an underscore, or it would replace them. */
const LINE_FIELDS = new Set(['level', 'time', 'message']);

const REDACTED = '[redacted]';
const SECRET_NAMES = new Set([
  'authorization',
  'cookie',
  'setcookie',
  'password',
  'passphrase',
  'secret',
  'token',
  'accesstoken',
  'apikey',
  'bearer',
  'credentials',
  'eventkey',
  'signature',
  'xinngestsignature',
  'signingkey',
  'signingkeyfallback',
]);
/** The password in `scheme://user:password@host`. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]*):[^\s@/]+@/gi;
const SIGNING_KEY = /\bsignkey-\w+-[0-9a-f]{8,}/gi;

/** Facts as plain JSON values: errors with their code, facts and causes, secrets replaced, nothing endless. */
export function plainFacts(facts: Facts): Record<string, unknown> {
  const plainOnes = Object.entries(plainEntries(Object.entries(facts), 0));
  return Object.fromEntries(plainOnes.map(([name, value]) => [LINE_FIELDS.has(name) ? `${name}_` : name, value]));
}

/** `text` without the passwords of URLs and without signing keys. */
export function redactText(text: string): string {
  return text.replace(URL_PASSWORD, `$1:${REDACTED}@`).replace(SIGNING_KEY, REDACTED);
}

function plainEntries(entries: readonly [string, unknown][], depth: number): Record<string, unknown> {
  const kept = entries.slice(0, ENTRIES_MAX).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept.map(([key, value]) => [key, isSecret(key) ? redact(value) : plain(value, depth + 1)]));
}

function isSecret(key: string): boolean {
  const name = key.toLowerCase().replace(/[-_]/g, '');
  return SECRET_NAMES.has(name) || (name.endsWith('s') && SECRET_NAMES.has(name.slice(0, -1)));
}

function redact(value: unknown): unknown {
  return value === null || value === '' ? value : REDACTED;
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return shorten(redactText(value));
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return plainError(value, depth, CAUSES_MAX);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (depth > DEPTH_MAX) return '[too deep]';
  if (Array.isArray(value)) return value.slice(0, ENTRIES_MAX).map((item) => plain(item, depth + 1));
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (value instanceof Map)
    return plainEntries(
      [...value].map(([key, item]) => [String(key), item]),
      depth,
    );
  return value instanceof Set ? plain([...value], depth) : plainEntries(Object.entries(value), depth);
}

function shorten(text: string): string {
  return text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}… (${text.length} characters)` : text;
}

/** `name`, `message`, `stack` and what the error carries besides (`code`, `facts` of a PerdureError), down its causes. */
function plainError(error: Error, depth: number, causesLeft: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const rest = Object.entries(error).filter(([key]) => !['name', 'message', 'stack', 'cause'].includes(key));
  const own = depth > DEPTH_MAX ? {} : plainEntries(rest, depth);
  return {
    ...own,
    name,
    message: shorten(redactText(message)),
    ...(stack !== undefined && { stack: shorten(redactText(stack)) }),
    ...(cause !== undefined && causesLeft > 0 && { cause: plainCause(cause, depth, causesLeft) }),
  };
}

function plainCause(cause: unknown, depth: number, causesLeft: number): unknown {
  return cause instanceof Error ? plainError(cause, depth, causesLeft - 1) : plain(cause, depth + 1);
}
