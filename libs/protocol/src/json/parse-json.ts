import type { JsonValue } from '@perdure/domain';

/**
 * Deepest nesting that is read. Real payloads stay far below; printing and comparing recurse, and a request of three
 * megabytes of `[` must be refused, not overflow the stack.
 */
export const JSON_DEPTH_MAX = 500;

export type ParsedJson = { ok: true; value: JsonValue } | { ok: false; message: string };

/** Reads JSON text; what is wrong is a value, not an exception. Refuses nesting deeper than `JSON_DEPTH_MAX`. */
export function parseJson(text: string): ParsedJson {
  try {
    const value = JSON.parse(text) as JsonValue;
    // Depth d takes at least 2d characters, so short texts need no look.
    if (text.length >= 2 * JSON_DEPTH_MAX && isDeeperThan(value, JSON_DEPTH_MAX)) {
      return { ok: false, message: `JSON is nested deeper than ${JSON_DEPTH_MAX} levels` };
    }
    return { ok: true, value };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function isDeeperThan(value: JsonValue, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeperThan(item, levels - 1));
  for (const key in value) {
    const item = value[key];
    if (typeof item === 'object' && item !== null && isDeeperThan(item, levels - 1)) return true;
  }
  return false;
}

/** The value as an object, when it is one: neither null nor an array. */
export function asJsonObject(value: unknown): { [key: string]: JsonValue } | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { [key: string]: JsonValue })
    : undefined;
}

/** What people call the type of a JSON value, for messages. */
export function jsonTypeOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return `a ${typeof value}`;
}
