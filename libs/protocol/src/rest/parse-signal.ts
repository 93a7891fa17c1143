import { type JsonValue, STEP_OUTPUT_BYTES_MAX } from '@perdure/domain';
import { asJsonObject, parseJson } from '../json/parse-json.ts';

export type SignalRequest =
  | { ok: true; signal: string; data: JsonValue }
  | { ok: false; status: 400 | 413; error: string };

/** The body of `POST /v1/signals` (sdk-protocol.md 9.2). */
export function parseSignal(body: string): SignalRequest {
  // A payload becomes the output of a step.
  if (Buffer.byteLength(body) > STEP_OUTPUT_BYTES_MAX) {
    return { ok: false, status: 413, error: `The payload of a signal is at most ${STEP_OUTPUT_BYTES_MAX} bytes` };
  }
  const parsed = parseJson(body);
  const fields = parsed.ok ? asJsonObject(parsed.value) : undefined;
  const signal = fields?.['signal'];
  if (fields === undefined || typeof signal !== 'string' || signal === '') {
    return { ok: false, status: 400, error: 'Invalid signal data' };
  }
  return { ok: true, signal, data: fields['data'] ?? null };
}
