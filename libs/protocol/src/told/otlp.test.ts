import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { attributeOf, otlpReply, parseOtlpJson, parseOtlpProtobuf } from './otlp.ts';

type Write = (writer: BinaryWriter) => BinaryWriter;

/** A message within a message. */
function part(writer: BinaryWriter, field: number, write: Write): BinaryWriter {
  return writer.tag(field, WireType.LengthDelimited).bytes(write(new BinaryWriter()).finish());
}

const text = (writer: BinaryWriter, field: number, value: string): BinaryWriter =>
  writer.tag(field, WireType.LengthDelimited).string(value);

function attribute(writer: BinaryWriter, key: string, value: Write): BinaryWriter {
  return part(writer, 9, (kv) => part(text(kv, 1, key), 2, value));
}

const SPAN: Write = (span) => {
  span.tag(1, WireType.LengthDelimited).bytes(Buffer.from('0af7651916cd43dd8448eb211c80319c', 'hex'));
  span.tag(2, WireType.LengthDelimited).bytes(Buffer.from('b7ad6b7169203331', 'hex'));
  text(span, 5, 'fetch');
  span.tag(6, WireType.Varint).int32(3);
  span.tag(7, WireType.Bit64).fixed64('1795215794569000000');
  attribute(span, 'inngest.traceref', (value) => text(value, 1, '%7B%7D'));
  attribute(span, 'count', (value) => value.tag(3, WireType.Varint).int64(-5));
  attribute(span, 'list', (value) =>
    part(value, 5, (list) => part(list, 1, (one) => one.tag(2, WireType.Varint).bool(true))),
  );
  part(span, 15, (status) => text(status, 2, 'bad').tag(3, WireType.Varint).int32(2));
  // Of a later version.
  return text(span, 900, 'unknown');
};

const REQUEST = part(new BinaryWriter(), 1, (resource) => part(resource, 2, (scope) => part(scope, 2, SPAN))).finish();

test('a span reads the same from protobuf as OTLP has it in JSON', () => {
  const parsed = parseOtlpProtobuf(REQUEST);

  expect(parsed).toMatchObject({
    ok: true,
    spans: [
      {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        name: 'fetch',
        kind: 3,
        startTimeUnixNano: '1795215794569000000',
        status: { message: 'bad', code: 2 },
        attributes: [
          { key: 'inngest.traceref', value: { stringValue: '%7B%7D' } },
          { key: 'count', value: { intValue: '-5' } },
          { key: 'list', value: { arrayValue: { values: [{ boolValue: true }] } } },
        ],
      },
    ],
  });
  const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: parsed.ok ? parsed.spans : [] }] }] });
  expect(parseOtlpJson(json)).toEqual(parsed);
  expect(parsed.ok && parsed.spans[0] && attributeOf(parsed.spans[0], 'inngest.traceref')).toBe('%7B%7D');
});

test('bytes of any kind are read or refused, never thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(REQUEST.length), (bytes, cut) => {
      expect(typeof parseOtlpProtobuf(bytes).ok).toBe('boolean');
      expect(typeof parseOtlpProtobuf(REQUEST.subarray(0, cut)).ok).toBe('boolean');
    }),
  );
});

test('an empty request is one, what is no request is not', () => {
  expect(parseOtlpJson('')).toEqual({ ok: true, spans: [] });
  expect(parseOtlpJson('{}')).toEqual({ ok: true, spans: [] });
  expect(parseOtlpProtobuf(new Uint8Array())).toEqual({ ok: true, spans: [] });
  expect(parseOtlpJson('[]')).toMatchObject({ ok: false });
  expect(parseOtlpJson('{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}')).toMatchObject({ ok: false });
});

test('the answer tells how many spans were rejected', () => {
  expect(otlpReply(0, 'why')).toEqual({ json: {}, protobuf: new Uint8Array() });
  const { json, protobuf } = otlpReply(3, 'why');
  expect(json).toEqual({ partialSuccess: { rejectedSpans: '3', errorMessage: 'why' } });
  const reader = new BinaryReader(protobuf);
  expect(reader.tag()).toEqual([1, WireType.LengthDelimited]);
});
