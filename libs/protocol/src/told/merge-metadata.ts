import type { JsonObject, JsonValue } from '@perdure/domain';
import { canonicalJson } from '../json/canonical-json.ts';
import type { MetadataItem } from './read-op-metadata.ts';

/** What is said about one target, by kind. */
export interface MergedMetadata {
  target: JsonObject;
  kind: string;
  values: JsonObject;
}

/**
 * What updates come to, in their order: `set` replaces the values of its kind, `merge` adds to them, `add` adds numbers to the
 * numbers there are, `delete` takes away the keys that it names, or the kind where it names none.
 */
export function mergeMetadata(updates: readonly (MetadataItem & { target: JsonObject })[]): MergedMetadata[] {
  const merged = new Map<string, MergedMetadata>();
  for (const { target, kind, op, values } of updates) {
    const key = canonicalJson([target, kind]);
    const before = merged.get(key)?.values ?? {};
    const after = apply(before, op, values);
    if (Object.keys(after).length === 0) merged.delete(key);
    else merged.set(key, { target, kind, values: after });
  }
  return [...merged.values()];
}

function apply(before: JsonObject, op: MetadataItem['op'], values: JsonObject): JsonObject {
  switch (op) {
    case 'set':
      return values;
    case 'merge':
      return { ...before, ...values };
    case 'add':
      return { ...before, ...Object.fromEntries(Object.entries(values).map(([k, v]) => [k, sum(before[k], v)])) };
    case 'delete': {
      const names = Object.keys(values);
      if (names.length === 0) return {};
      return Object.fromEntries(Object.entries(before).filter(([name]) => !names.includes(name)));
    }
  }
}

function sum(before: JsonValue | undefined, value: JsonValue): JsonValue {
  return typeof before === 'number' && typeof value === 'number' ? before + value : value;
}
