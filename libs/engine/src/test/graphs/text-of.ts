import type { JsonValue } from '@perdure/domain';

/** A string as it is, anything else as JSON, to be compared with what was expected. */
export function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
