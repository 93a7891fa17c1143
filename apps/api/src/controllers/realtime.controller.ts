import { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Inject, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import { DEFAULT_ACCOUNT_ID, DEFAULT_ENV_ID } from '@perdure/domain';
import { apiFailure, PORTS, StreamedBody } from '@perdure/boot';
import {
  type ByteSource,
  type Ports,
  publishLive,
  publishStream,
  relayStream,
  type StreamOutcome,
} from '@perdure/engine';
import {
  LISTEN_TOKEN_S,
  type LiveAccess,
  LIVE_BYTES_MAX,
  parseLiveTopics,
  parsePublish,
  type PublishRequest,
  RELAY_TOPIC,
  signLiveToken,
} from '@perdure/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Listeners } from '../realtime/listeners.ts';
import { accessOf, mayPublish } from '../realtime/live-access.ts';
import { SseListener } from '../realtime/sse-listener.ts';
import { BearerGuard } from './bearer.guard.ts';

type Query = Record<string, unknown>;

/** Live updates: who may listen, listening by server-sent events, publishing (sdk-protocol.md 9.6). */
@Controller('v1/realtime')
export class RealtimeController {
  private readonly ports: Ports;
  private readonly listeners: Listeners;

  constructor(@Inject(PORTS) ports: Ports, @Inject(Listeners) listeners: Listeners) {
    this.ports = ports;
    this.listeners = listeners;
  }

  @Post('token')
  @UseGuards(BearerGuard)
  token(@Body() body: string | undefined): { jwt: string } {
    const topics = parseLiveTopics(body ?? '', DEFAULT_ENV_ID);
    if (topics === undefined) throw apiFailure(400, 'Invalid request: must provide a list of topics');
    const { clock, ids, settings } = this.ports;
    const now = clock.now();
    const jwt = signLiveToken(
      { topics, mayPublish: false },
      {
        signingKey: settings.signingKeys[0],
        accountId: DEFAULT_ACCOUNT_ID,
        envId: DEFAULT_ENV_ID,
        id: ids.ulid(now),
        now,
        lifetimeS: LISTEN_TOKEN_S,
      },
    );
    return { jwt };
  }

  /** WebSockets never come here: see `RealtimeSockets`. */
  @Get('connect')
  connect(@Query() query: Query, @Req() request: FastifyRequest): void {
    this.allowed(query, request);
    throw apiFailure(426, 'Connect with a WebSocket');
  }

  @Get('sse')
  listen(@Query() query: Query, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const access = this.allowed(query, request);
    reply.hijack();
    const headers = reply.getHeaders() as Record<string, string>;
    const { hub } = this.listeners;
    this.listeners.add(new SseListener(reply.raw, { hub, access, headers, log: this.ports.log }));
  }

  @Post('publish')
  @HttpCode(200)
  @StreamedBody()
  async publish(
    @Query() query: Query,
    @Req() request: FastifyRequest,
    @Body() body: string | Readable | undefined,
  ): Promise<void> {
    const target = this.target(query, request);
    const isStream = request.headers['content-type']?.startsWith('text/stream') === true;
    if (isStream) return accept(await publishStream(this.ports, target, sourceOf(body)));
    accept(publishLive(this.ports, target, typeof body === 'string' ? body : await textOf(body)));
  }

  @Post('publish/tee')
  @HttpCode(200)
  @StreamedBody()
  async relay(
    @Query() query: Query,
    @Req() request: FastifyRequest,
    @Body() body: string | Readable | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const target = this.target(query, request, [RELAY_TOPIC]);
    const texts: string[] = [];
    accept(await relayStream(this.ports, target, sourceOf(body), (text) => texts.push(text)));
    reply.type('application/octet-stream');
    return texts.join('');
  }

  private allowed(query: Query, { headers }: FastifyRequest): LiveAccess {
    const access = accessOf(this.ports, { headers, token: query['token'] });
    if (access === undefined) throw apiFailure(401, 'Not authenticated');
    return access;
  }

  private target(query: Query, { headers }: FastifyRequest, topics: string[] = []): PublishRequest {
    const parsed = parsePublish(query, topics);
    const target = parsed.ok ? parsed : { channel: '', topics: [''] };
    // First, so that nobody is told anything whom it does not concern.
    if (!mayPublish(this.ports, { headers, token: query['token'] }, target)) throw apiFailure(401, 'Not authenticated');
    if (!parsed.ok) throw apiFailure(400, parsed.error);
    return parsed;
  }
}

function accept(outcome: StreamOutcome): void {
  switch (outcome) {
    case 'published':
      return;
    case 'too-large':
      throw apiFailure(413, `What is published is larger than ${LIVE_BYTES_MAX} bytes, or its stream too long`);
    case 'broken':
      throw apiFailure(400, 'The request ended before its body');
  }
}

function sourceOf(body: string | Readable | undefined): ByteSource {
  const bytes = body instanceof Readable ? body : Readable.from(body === undefined ? [] : [Buffer.from(body)]);
  // Not destroyed when it is too long: the refusal goes the same way.
  return bytes.iterator({ destroyOnReturn: false });
}

/** Not much more than may be published. */
async function textOf(body: Readable | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of sourceOf(body)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LIVE_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).toString();
}
