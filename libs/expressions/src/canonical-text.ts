import type { Meter } from './meter.ts';
import { isList, isMap, scalarText, TypeName, type Value } from './value.ts';

/**
 * One text for equal values (execution.md 4.0): strings as they are, numbers in shortest decimal, instants in
 * RFC 3339, lists and maps as JSON with sorted keys and without spaces.
 */
export function canonicalText(value: Value, meter: Meter): string {
  return scalarText(value) ?? canonicalJson(value, meter);
}

function canonicalJson(value: Value, meter: Meter): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (isList(value)) {
    return meter.nested(value.length, () => `[${value.map((item) => canonicalJson(item, meter)).join(',')}]`);
  }
  if (isMap(value)) {
    const keys = Object.keys(value).toSorted();
    return meter.nested(
      keys.length,
      () => `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key], meter)}`).join(',')}}`,
    );
  }
  if (value instanceof TypeName) return JSON.stringify(value.name);
  const text = scalarText(value);
  if (text === undefined) return 'null';
  return typeof value === 'object' ? JSON.stringify(text) : text;
}
