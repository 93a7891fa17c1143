import type { JsonObject, JsonValue, RunId } from '@perdure/domain';
import { asJsonObject, jsonTypeOf, parseJson } from '../json/parse-json.ts';
import { type MetadataItem, readMetadataItem } from './read-op-metadata.ts';

/** What is said about a run with all its spans. */
export const METADATA_PER_RUN_BYTES_MAX = 1024 * 1024;
const BODY_BYTES_MAX = 2 * METADATA_PER_RUN_BYTES_MAX;
const ITEMS_MAX = 100;

export type MetadataRequest =
  /** `target`: what of the run it is about; empty for the run as a whole. */
  { ok: true; target: JsonObject; items: MetadataItem[] } | { ok: false; status: 400 | 403 | 413; error: string };

type Refusal = Extract<MetadataRequest, { ok: false }>;

/** The body of `POST /v1/runs/{runId}/metadata` (sdk-protocol.md 9.4). */
export function parseMetadata(body: string, runId: RunId): MetadataRequest {
  if (Buffer.byteLength(body) > BODY_BYTES_MAX) return refuse('The metadata is too large', 413);
  const parsed = parseJson(body);
  const fields = parsed.ok ? asJsonObject(parsed.value) : undefined;
  if (fields === undefined) return refuse('Invalid request body: expected an object');
  const target = readTarget(fields['target'] ?? {}, runId);
  if (!target.ok) return target;
  const list = fields['metadata'];
  if (!Array.isArray(list) || list.length === 0 || list.length > ITEMS_MAX) {
    return refuse(`metadata: expected 1 to ${ITEMS_MAX} items`);
  }
  const items: MetadataItem[] = [];
  for (const [index, value] of list.entries()) {
    const item = readItem(value, `metadata[${index}]`);
    if (!item.ok) return item;
    items.push(item.item);
  }
  return { ok: true, target: target.target, items };
}

function readTarget(value: JsonValue, runId: RunId): { ok: true; target: JsonObject } | Refusal {
  const fields = asJsonObject(value);
  if (fields === undefined) return refuse(`target: expected an object, found ${jsonTypeOf(value)}`);
  if ((fields['run_id'] ?? runId) !== runId) return refuse('target.run_id: it is not the run of the path');
  const target: JsonObject = {};
  for (const name of ['step_id', 'span_id']) {
    const text = fields[name] ?? '';
    if (typeof text !== 'string') return refuse(`target.${name}: expected a string, found ${jsonTypeOf(text)}`);
    if (text !== '') target[name] = text;
  }
  for (const name of ['step_index', 'step_attempt']) {
    const number = fields[name] ?? null;
    if (number === null) continue;
    if (!Number.isInteger(number)) return refuse(`target.${name}: expected an integer, found ${jsonTypeOf(number)}`);
    target[name] = number;
  }
  return { ok: true, target };
}

function readItem(value: JsonValue, at: string): { ok: true; item: MetadataItem } | Refusal {
  const read = readMetadataItem(value);
  if (!read.ok) {
    return refuse(`${at}${read.field === '' ? '' : `.${read.field}`}: ${read.message}`, statusOf(value, read.field));
  }
  const problem = read.item.kind === 'inngest.score' ? scoreProblem(read.item.values) : undefined;
  return problem === undefined ? read : refuse(`${at}.values: ${problem}`);
}

/** A kind that is one, but not for everybody, and values that are too many, are told from what is no metadata at all. */
function statusOf(value: JsonValue, field: string): Refusal['status'] {
  const fields = asJsonObject(value);
  const kind = fields?.['kind'];
  if (field === 'kind') return typeof kind === 'string' && kind.startsWith('inngest.') ? 403 : 400;
  return field === 'values' && asJsonObject(fields?.['values'] ?? null) !== undefined ? 413 : 400;
}

function scoreProblem(values: JsonObject): string | undefined {
  const wrong = Object.keys(values).find((name) => !isScore(values[name] ?? null));
  return wrong === undefined ? undefined : `the score "${wrong}" has no value that is a number, true or false`;
}

function isScore(value: JsonValue): boolean {
  return ['number', 'boolean'].includes(typeof asJsonObject(value)?.['value']);
}

function refuse(error: string, status: Refusal['status'] = 400): Refusal {
  return { ok: false, status, error };
}
