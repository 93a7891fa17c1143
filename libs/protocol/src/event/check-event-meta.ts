import type { JsonValue } from '@perdure/domain';
import { isLargerThan } from '../json/json-bytes.ts';
import { asJsonObject, jsonTypeOf } from '../json/parse-json.ts';
import type { EventProblem } from './parse-event-request.ts';

export const SESSIONS_PER_EVENT_MAX = 5;
export const SESSION_KEY_BYTES_MAX = 128;
export const SESSION_ID_BYTES_MAX = 512;
export const META_BYTES_MAX = 32 * 1024;

/**
 * What is wrong with an event's `meta`: sizes and sessions (sdk-protocol.md 2.5). All else in it is kept as it is. A
 * session of `null` cuts the inherited one and does not count.
 */
export function checkEventMeta(meta: JsonValue | undefined): EventProblem | undefined {
  if (meta === undefined || meta === null) return undefined;
  const object = asJsonObject(meta);
  if (object === undefined) return { field: 'meta', message: `event meta must be an object, not ${jsonTypeOf(meta)}` };
  if (isLargerThan(JSON.stringify(meta), META_BYTES_MAX)) {
    return { field: 'meta', message: `event meta is larger than ${META_BYTES_MAX} bytes` };
  }
  return checkSessions(object, 'sessions') ?? checkSessions(object, 'propagated_sessions');
}

function checkSessions(meta: { [key: string]: JsonValue }, name: string): EventProblem | undefined {
  const field = `meta.${name}`;
  const value = meta[name];
  if (value === undefined || value === null) return undefined;
  const sessions = asJsonObject(value);
  if (sessions === undefined) return { field, message: `${field} must be an object, not ${jsonTypeOf(value)}` };
  const entries = Object.entries(sessions).filter(([, id]) => id !== null);
  if (name === 'sessions' && entries.length > SESSIONS_PER_EVENT_MAX) {
    return { field, message: `an event has at most ${SESSIONS_PER_EVENT_MAX} sessions, not ${entries.length}` };
  }
  for (const [key, id] of entries) {
    const message = checkSession(key, id);
    if (message !== undefined) return { field: `${field}.${key}`, message };
  }
  return undefined;
}

function checkSession(key: string, id: JsonValue): string | undefined {
  if (key === '') return 'a session key must not be empty';
  if (isLargerThan(key, SESSION_KEY_BYTES_MAX)) return `a session key has at most ${SESSION_KEY_BYTES_MAX} bytes`;
  if (typeof id !== 'string' && typeof id !== 'number')
    return `a session ID must be a string or a number, not ${jsonTypeOf(id)}`;
  if (isLargerThan(String(id), SESSION_ID_BYTES_MAX)) return `a session ID has at most ${SESSION_ID_BYTES_MAX} bytes`;
  return undefined;
}
