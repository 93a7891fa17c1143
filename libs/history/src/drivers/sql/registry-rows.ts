import type { FunctionDefinition, FunctionId } from '@perdure/domain';

import type { AppRecord, OverriddenLimits, SyncedFunction } from '../../history.ts';
import { storableText } from './storable-text.ts';
import type { AppRow } from './tables.ts';

export function rowOfApp(app: AppRecord): AppRow {
  return {
    env_id: app.envId,
    app_id: app.id,
    name: storableText(app.name),
    url: storableText(app.url),
    sdk: storableText(app.sdk),
    framework: storableText(app.framework),
    app_version: storableText(app.appVersion),
    checksum: storableText(app.checksum),
    synced_at: app.syncedAt,
    error_code: storableText(app.error?.code),
    error_message: storableText(app.error?.message),
  };
}

export function appOfRow(row: AppRow): AppRecord {
  return {
    id: row.app_id,
    envId: row.env_id,
    name: row.name,
    url: row.url,
    sdk: row.sdk,
    checksum: row.checksum,
    syncedAt: row.synced_at,
    ...(row.framework !== null && { framework: row.framework }),
    ...(row.app_version !== null && { appVersion: row.app_version }),
    ...(row.error_code !== null && { error: { code: row.error_code, message: row.error_message ?? '' } }),
  };
}

/** A function with one of its versions, as listed by `listStoredFunctions`. */
export interface StoredFunction {
  function_id: string;
  version: number;
  archived_at: number | null;
  state: 'paused' | 'drained' | null;
  overrides: string | null;
  overrides_revision: number | null;
  definition: string;
}

export function definitionOf({ version, definition }: StoredFunction): FunctionDefinition {
  const synced: SyncedFunction = JSON.parse(definition);
  return { ...synced, version };
}

/** Nothing for a function whose limits were never overridden. */
export function overridesOf(fn: StoredFunction): [FunctionId, OverriddenLimits][] {
  const { function_id, overrides, overrides_revision: revision } = fn;
  if (revision === null) return [];
  return [[function_id, { revision, ...(overrides !== null && { limits: JSON.parse(overrides) }) }]];
}

/** The same text for equal values, whatever the order of their keys: tells whether a configuration differs. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
