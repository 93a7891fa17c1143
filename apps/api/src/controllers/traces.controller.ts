import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Body, Controller, HttpCode, Inject, Post, Req, Res, UseGuards } from '@nestjs/common';
import { BinaryBody, PORTS } from '@perdure/boot';
import { type Ports, recordSpans } from '@perdure/engine';
import { OTLP_BYTES_MAX, otlpReply, otlpStatus, parseOtlpJson, parseOtlpProtobuf } from '@perdure/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BearerGuard } from './bearer.guard.ts';

const PROTOBUF = 'application/x-protobuf';
const unzip = promisify(gunzip);

/** Spans of the user's own, as OTLP over HTTP (sdk-protocol.md 9.5). */
@Controller('v1/traces')
@UseGuards(BearerGuard)
export class TracesController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post('userland')
  @HttpCode(200)
  @BinaryBody()
  async receive(
    @Body() body: Buffer | undefined,
    @Req() { headers }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const isProtobuf = headers['content-type']?.startsWith(PROTOBUF) === true;
    const send = (status: number, answer: { json: object; protobuf: Uint8Array }): unknown =>
      isProtobuf
        ? reply.status(status).header('content-type', PROTOBUF).send(Buffer.from(answer.protobuf))
        : reply.status(status).send(answer.json);
    const bytes = await decode(body ?? Buffer.alloc(0), headers['content-encoding']);
    if (bytes === 'too-large') return void send(413, otlpStatus(8, `A request has at most ${OTLP_BYTES_MAX} bytes`));
    const parsed = bytes && (isProtobuf ? parseOtlpProtobuf(bytes) : parseOtlpJson(bytes.toString()));
    if (!parsed?.ok) return void send(400, otlpStatus(3, parsed?.message ?? 'The content encoding is not gzip'));
    const rejected = await recordSpans(this.ports, parsed.spans);
    send(200, otlpReply(rejected, 'spans without the attribute inngest.traceref belong to no run'));
  }
}

/** Undefined when it is not what its encoding says. */
async function decode(body: Buffer, encoding = 'identity'): Promise<Buffer | 'too-large' | undefined> {
  if (body.length > OTLP_BYTES_MAX) return 'too-large';
  if (encoding === 'identity') return body;
  if (encoding !== 'gzip') return undefined;
  try {
    return await unzip(body, { maxOutputLength: OTLP_BYTES_MAX });
  } catch (error) {
    return error instanceof RangeError ? 'too-large' : undefined;
  }
}
