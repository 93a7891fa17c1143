import type { JsonObject, JsonValue } from '@perdure/domain';
import { isLargerThan } from '../json/json-bytes.ts';
import { asJsonObject } from '../json/parse-json.ts';

/** What an SDK says about a run, a step or one of its attempts (sdk-protocol.md 9.4). */
export interface MetadataItem {
  kind: string;
  op: 'merge' | 'set' | 'delete' | 'add';
  values: JsonObject;
}

export type ReadMetadata = { ok: true; item: MetadataItem } | { ok: false; field: string; message: string };

/** Of the values of one item. */
export const METADATA_BYTES_MAX = 64 * 1024;
const KIND_BYTES_MAX = 128;

const OPS: readonly string[] = ['merge', 'set', 'delete', 'add'] satisfies MetadataItem['op'][];
const RESERVED_KINDS: ReadonlySet<string> = new Set([
  'inngest.ai',
  'inngest.http',
  'inngest.http.timing',
  'inngest.response_headers',
  'inngest.warnings',
  'inngest.experiment',
  'inngest.score',
]);

export function readMetadataItem(value: JsonValue): ReadMetadata {
  const fields = asJsonObject(value);
  if (fields === undefined) return { ok: false, field: '', message: 'expected an object' };
  const { kind, op } = fields;
  if (typeof kind !== 'string' || !isKind(kind)) {
    return { ok: false, field: 'kind', message: 'expected "userland.<name>" or a kind of the SDK, of up to 128 bytes' };
  }
  if (!isOp(op)) return { ok: false, field: 'op', message: `expected one of ${OPS.join(', ')}` };
  const values = asJsonObject(fields['values'] ?? {});
  if (values === undefined) return { ok: false, field: 'values', message: 'expected an object' };
  if (isLargerThan(JSON.stringify(values), METADATA_BYTES_MAX)) {
    return { ok: false, field: 'values', message: `larger than ${METADATA_BYTES_MAX} bytes` };
  }
  return { ok: true, item: { kind, op, values } };
}

function isKind(kind: string): boolean {
  if (isLargerThan(kind, KIND_BYTES_MAX)) return false;
  return RESERVED_KINDS.has(kind) || (kind.startsWith('userland.') && kind.length > 'userland.'.length);
}

function isOp(op: JsonValue | undefined): op is MetadataItem['op'] {
  return typeof op === 'string' && OPS.includes(op);
}

/** Metadata as it comes with an op: `target` is what of the run it is about, empty for all of it. */
export interface OpMetadata extends MetadataItem {
  target: JsonObject;
  /** It is about this attempt of the step. */
  isOfAttempt: boolean;
}

/** The metadata of an op. What cannot be understood is passed over: it is no part of what the step does. */
export function readOpMetadata(op: JsonObject, stepName: string): OpMetadata[] {
  const sent = op['metadata'];
  if (!Array.isArray(sent)) return [];
  return sent.flatMap((value): OpMetadata[] => {
    const read = readMetadataItem(value);
    if (!read.ok) return [];
    const scope = asJsonObject(value)?.['scope'];
    if (scope === 'run') return [{ ...read.item, target: {}, isOfAttempt: false }];
    return [{ ...read.item, target: targetOf(op, stepName), isOfAttempt: scope === 'step_attempt' }];
  });
}

/** By the names that the user gave. */
function targetOf(op: JsonObject, stepName: string): JsonObject {
  const { id, index } = asJsonObject(op['userland']) ?? {};
  return {
    step_id: typeof id === 'string' ? id : stepName,
    ...(typeof index === 'number' && { step_index: index }),
  };
}
