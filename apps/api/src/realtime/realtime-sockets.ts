import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { PORTS } from '@perdure/boot';
import type { Ports } from '@perdure/engine';
import { errorBody, HEADERS } from '@perdure/protocol';
import { WebSocketServer } from 'ws';
import { Listeners } from './listeners.ts';
import { accessOf } from './live-access.ts';
import { SocketListener } from './socket-listener.ts';

const PATH = '/v1/realtime/connect';
/** Of what a subscriber says: a token with many topics. */
const FRAME_BYTES_MAX = 256 * 1024;

/** Takes WebSockets of subscribers (sdk-protocol.md 9.6.2); every other upgrade of the server is refused. */
@Injectable()
export class RealtimeSockets implements OnApplicationBootstrap {
  private readonly ports: Ports;
  private readonly listeners: Listeners;
  private readonly http: HttpAdapterHost;
  private readonly sockets = new WebSocketServer({
    noServer: true,
    maxPayload: FRAME_BYTES_MAX,
    clientTracking: false,
  });

  constructor(
    @Inject(PORTS) ports: Ports,
    @Inject(Listeners) listeners: Listeners,
    @Inject(HttpAdapterHost) http: HttpAdapterHost,
  ) {
    this.ports = ports;
    this.listeners = listeners;
    this.http = http;
  }

  onApplicationBootstrap(): void {
    const server = this.http.httpAdapter.getHttpServer() as Server;
    server.on('upgrade', (request, socket, head) => this.connect(request, socket, head));
    this.sockets.on('headers', (headers) => headers.push(`${HEADERS.serverKind}: ${this.serverKind}`));
  }

  private connect(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A client that is gone before it was answered.
    socket.on('error', () => socket.destroy());
    const url = URL.parse(request.url ?? '', 'http://server');
    if (url?.pathname !== PATH) return this.refuse(socket, 404, 'Not found');
    const { headers } = request;
    const access = accessOf(this.ports, { headers, token: url.searchParams.get('token') });
    if (access === undefined) return this.refuse(socket, 401, 'Not authenticated');
    this.sockets.handleUpgrade(request, socket, head, (connection) => {
      const listener = new SocketListener(connection, {
        hub: this.listeners.hub,
        access,
        log: this.ports.log,
        accessOf: (token) => accessOf(this.ports, { headers: {}, token }),
      });
      this.listeners.add(listener);
    });
  }

  private refuse(socket: Duplex, status: number, error: string): void {
    const body = JSON.stringify(errorBody({ status, error }));
    socket.end(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
        `${HEADERS.serverKind}: ${this.serverKind}`,
        'content-type: application/json',
        `content-length: ${Buffer.byteLength(body)}`,
        'connection: close',
        '',
        body,
      ].join('\r\n'),
    );
  }

  private get serverKind(): string {
    return this.ports.settings.serverKind;
  }
}
