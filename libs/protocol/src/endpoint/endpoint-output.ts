import type { JsonObject, JsonValue } from '@perdure/domain';
import { asJsonObject, parseJson } from '../json/parse-json.ts';

/** What the client of a durable endpoint is answered. */
export interface HttpOutput {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Of one connection, or of a body that is written anew. */
const DROPPED_HEADERS = new Set([
  'connection',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'keep-alive',
]);
const JSON_HEADERS = { 'content-type': 'application/json' };

/** The answer that an ended run of an endpoint is shown as (sdk-protocol.md 9.1.5). `output`: JSON. */
export function endpointOutput(run: { status: string; output?: string }): HttpOutput {
  const parsed = parseJson(run.output ?? 'null');
  const output = parsed.ok ? parsed.value : (run.output ?? null);
  if (run.status !== 'Completed') {
    const error = output ?? { message: `The run ended as ${run.status}` };
    return { status: 500, headers: JSON_HEADERS, body: JSON.stringify({ error }) };
  }
  return httpShaped(output) ?? { status: 200, headers: JSON_HEADERS, body: JSON.stringify({ data: output }) };
}

function httpShaped(output: JsonValue): HttpOutput | undefined {
  const outer = asJsonObject(output);
  // Older SDKs wrap it once more.
  const fields = asJsonObject(outer?.['data']) ?? outer;
  const status = fields?.['status'] ?? fields?.['status_code'];
  const body = fields?.['body'];
  if (fields === undefined || typeof status !== 'number' || !isStatus(status) || typeof body !== 'string')
    return undefined;
  return { status, headers: headersOf(asJsonObject(fields['headers']) ?? {}), body };
}

function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 599;
}

function headersOf(headers: JsonObject): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !DROPPED_HEADERS.has(name.toLowerCase()));
  return Object.fromEntries(kept.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])));
}
