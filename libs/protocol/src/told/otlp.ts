import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { JsonObject, JsonValue } from '@perdure/domain';
import { asJsonObject, parseJson } from '../json/parse-json.ts';

/** A request of OTLP over HTTP is no larger (sdk-protocol.md 9.5). */
export const OTLP_BYTES_MAX = 8 * 1024 * 1024;

/** A span as OTLP writes it in JSON: IDs in lower-case hex, instants as decimal text. */
export type OtlpSpan = JsonObject & { traceId: string; spanId: string };

export type OtlpRequest = { ok: true; spans: OtlpSpan[] } | { ok: false; message: string };

/** The spans of an `ExportTraceServiceRequest` in JSON. */
export function parseOtlpJson(body: string): OtlpRequest {
  const parsed = parseJson(body.trim() === '' ? '{}' : body);
  const fields = parsed.ok ? asJsonObject(parsed.value) : undefined;
  if (fields === undefined) return { ok: false, message: 'expected an ExportTraceServiceRequest' };
  const spans = objectsIn(fields['resourceSpans'])
    .flatMap((resource) => objectsIn(resource['scopeSpans']))
    .flatMap((scope) => objectsIn(scope['spans']));
  const named = spans.flatMap((span) => {
    const { traceId, spanId } = span;
    if (typeof traceId !== 'string' || typeof spanId !== 'string') return [];
    return [{ ...span, traceId: traceId.toLowerCase(), spanId: spanId.toLowerCase() }];
  });
  return named.length === spans.length ? { ok: true, spans: named } : { ok: false, message: 'a span has no IDs' };
}

function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.map((item) => asJsonObject(item)).filter((item) => item !== undefined) : [];
}

/** The same in protobuf. What is unknown is passed over. */
export function parseOtlpProtobuf(bytes: Uint8Array): OtlpRequest {
  try {
    const spans: OtlpSpan[] = [];
    readMessage(new BinaryReader(bytes), {
      1: (request) =>
        inner(request, {
          2: (resource) => inner(resource, { 2: (scope) => spans.push(readSpan(scope)) }),
        }),
    });
    return { ok: true, spans };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : 'not protobuf' };
  }
}

type Fields = Record<number, (reader: BinaryReader) => unknown>;

function inner(reader: BinaryReader, fields: Fields): void {
  readMessage(new BinaryReader(reader.bytes()), fields);
}

function readMessage(reader: BinaryReader, fields: Fields): void {
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const read = fields[field];
    if (read === undefined) reader.skip(wireType, field);
    else read(reader);
  }
}

/** As opentelemetry/proto/trace/v1/trace.proto numbers its fields. */
function readSpan(reader: BinaryReader): OtlpSpan {
  const span: OtlpSpan = { traceId: '', spanId: '' };
  const attributes: JsonObject[] = [];
  const events: JsonObject[] = [];
  inner(reader, {
    1: (at) => (span.traceId = hexOf(at.bytes())),
    2: (at) => (span.spanId = hexOf(at.bytes())),
    3: (at) => (span['traceState'] = at.string()),
    4: (at) => (span['parentSpanId'] = hexOf(at.bytes())),
    5: (at) => (span['name'] = at.string()),
    6: (at) => (span['kind'] = at.int32()),
    7: (at) => (span['startTimeUnixNano'] = String(at.fixed64())),
    8: (at) => (span['endTimeUnixNano'] = String(at.fixed64())),
    9: (at) => attributes.push(readAttribute(at)),
    11: (at) => events.push(readEvent(at)),
    15: (at) => (span['status'] = readStatus(at)),
  });
  if (span.traceId === '' || span.spanId === '') throw new Error('a span has no IDs');
  return { ...span, attributes, events };
}

function readEvent(reader: BinaryReader): JsonObject {
  const event: JsonObject = {};
  const attributes: JsonObject[] = [];
  inner(reader, {
    1: (at) => (event['timeUnixNano'] = String(at.fixed64())),
    2: (at) => (event['name'] = at.string()),
    3: (at) => attributes.push(readAttribute(at)),
  });
  return { ...event, attributes };
}

function readStatus(reader: BinaryReader): JsonObject {
  const status: JsonObject = {};
  inner(reader, { 2: (at) => (status['message'] = at.string()), 3: (at) => (status['code'] = at.int32()) });
  return status;
}

function readAttribute(reader: BinaryReader): JsonObject {
  const attribute: JsonObject = {};
  inner(reader, { 1: (at) => (attribute['key'] = at.string()), 2: (at) => (attribute['value'] = readValue(at, 0)) });
  return attribute;
}

/** Values within values; deeper ones are dropped. */
const DEPTH_MAX = 16;

function readValue(reader: BinaryReader, depth: number): JsonObject {
  const value: JsonObject = {};
  const values: JsonObject[] = [];
  inner(reader, {
    1: (at) => (value['stringValue'] = at.string()),
    2: (at) => (value['boolValue'] = at.bool()),
    3: (at) => (value['intValue'] = String(at.int64())),
    4: (at) => (value['doubleValue'] = at.double()),
    5: (at) => {
      if (depth >= DEPTH_MAX) return void at.bytes();
      inner(at, { 1: (item) => values.push(readValue(item, depth + 1)) });
      value['arrayValue'] = { values };
    },
    7: (at) => (value['bytesValue'] = Buffer.from(at.bytes()).toString('base64')),
  });
  return value;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A text among a span's attributes. */
export function attributeOf(span: OtlpSpan, key: string): string | undefined {
  const found = objectsIn(span['attributes']).find((attribute) => attribute['key'] === key);
  const text = asJsonObject(found?.['value'])?.['stringValue'];
  return typeof text === 'string' ? text : undefined;
}

/** `ExportTraceServiceResponse`, in the encoding of the request. */
export function otlpReply(rejected: number, why: string): { json: JsonObject; protobuf: Uint8Array } {
  if (rejected === 0) return { json: {}, protobuf: new Uint8Array() };
  const partial = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int64(rejected)
    .tag(2, WireType.LengthDelimited)
    .string(why);
  return {
    json: { partialSuccess: { rejectedSpans: String(rejected), errorMessage: why } },
    protobuf: new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(partial.finish()).finish(),
  };
}

/** `google.rpc.Status`; 3 is INVALID_ARGUMENT, 8 RESOURCE_EXHAUSTED. */
export function otlpStatus(code: 3 | 8 | 14, message: string): { json: JsonObject; protobuf: Uint8Array } {
  const status = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int32(code)
    .tag(2, WireType.LengthDelimited)
    .string(message);
  return { json: { code, message }, protobuf: status.finish() };
}
