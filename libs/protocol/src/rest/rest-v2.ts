import type { EpochMs, JsonObject, JsonValue } from '@perdure/domain';
import { asJsonObject, jsonTypeOf, parseJson } from '../json/parse-json.ts';
import { formatInstant } from './rest-v1.ts';

/** The answer of a REST v2 route (http-api.md 2.6). */
export function envelopeV2<T>(data: T, now: EpochMs): { data: T; metadata: { fetchedAt: string } } {
  return { data, metadata: { fetchedAt: formatInstant(now) } };
}

export type RerunRequest =
  | { ok: true; fromStep?: { step: string; input?: JsonValue[] } }
  | { ok: false; code: 'api_error' | 'invalid_request' | 'missing_field'; message: string };

/** The body of `POST /v2/runs/{id}/rerun` (http-api.md 2.7); names in camel or snake case. */
export function parseRerun(body: string): RerunRequest {
  const parsed = parseJson(body.trim() === '' ? '{}' : body);
  if (!parsed.ok) return refuse('api_error', parsed.message);
  const fields = asJsonObject(parsed.value);
  if (fields === undefined) return refuse('api_error', `expected an object, found ${jsonTypeOf(parsed.value)}`);
  const unknown = unknownField(fields, ['fromStep', 'from_step']);
  if (unknown !== undefined) return refuse('api_error', `unknown field "${unknown}"`);
  const from = fields['fromStep'] ?? fields['from_step'] ?? null;
  return from === null ? { ok: true } : parseFromStep(from);
}

function parseFromStep(value: JsonValue): RerunRequest {
  const fields = asJsonObject(value);
  if (fields === undefined) return refuse('api_error', `fromStep: expected an object, found ${jsonTypeOf(value)}`);
  const unknown = unknownField(fields, ['stepId', 'step_id', 'input']);
  if (unknown !== undefined) return refuse('api_error', `unknown field "fromStep.${unknown}"`);
  const step = fields['stepId'] ?? fields['step_id'] ?? '';
  if (typeof step !== 'string' || step === '') return refuse('missing_field', 'Step ID is required');
  const input = fields['input'] ?? null;
  if (input === null) return { ok: true, fromStep: { step } };
  if (!Array.isArray(input)) return refuse('invalid_request', 'Step input must be a valid JSON array');
  return { ok: true, fromStep: { step, input } };
}

function unknownField(fields: JsonObject, known: string[]): string | undefined {
  return Object.keys(fields).find((name) => !known.includes(name));
}

function refuse(
  code: Extract<RerunRequest, { ok: false }>['code'],
  message: string,
): Extract<RerunRequest, { ok: false }> {
  return { ok: false, code, message };
}
