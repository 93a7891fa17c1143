import { readListenerMessage, type LiveAccess } from '@perdure/protocol';
import type { LiveDelivery, RealtimeHub } from '@perdure/engine';
import type { Logger } from '@perdure/telemetry';
import type { RawData, WebSocket } from 'ws';
import { CLOSE_GRACE_MS, type Listener, STOPPING, TOO_SLOW, UNREAD_BYTES_MAX } from './listener.ts';
import { LiveSubscription } from './live-subscription.ts';

/** Close codes (RFC 6455 7.4.1, and its registry). */
const GOING_AWAY = 1001;
const POLICY = 1008;
const TRY_AGAIN_LATER = 1013;

/** Pings that a subscriber may leave unanswered. */
const PONGS_MISSED_MAX = 3;

/** A subscriber on a WebSocket (sdk-protocol.md 9.6.2). */
export class SocketListener implements Listener {
  readonly ended: Promise<void>;
  private readonly socket: WebSocket;
  private readonly subscription: LiveSubscription;
  private readonly accessOf: (token: string) => LiveAccess | undefined;
  private readonly log: Logger;
  private pongsMissed = 0;
  private isClosing = false;

  constructor(
    socket: WebSocket,
    {
      hub,
      access,
      accessOf,
      log,
    }: { hub: RealtimeHub; access: LiveAccess; accessOf: (token: string) => LiveAccess | undefined; log: Logger },
  ) {
    this.socket = socket;
    this.accessOf = accessOf;
    this.log = log;
    this.subscription = new LiveSubscription(hub, (delivery) => this.deliver(delivery));
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.subscription.end();
        resolve();
      });
    });
    socket.on('message', (data, isBinary) => this.hear(data, isBinary));
    socket.on('pong', () => (this.pongsMissed = 0));
    // What went wrong with a connection ends it: `close` follows.
    socket.on('error', () => undefined);
    this.subscription.add(access.topics);
  }

  keepAlive(): void {
    if (this.pongsMissed >= PONGS_MISSED_MAX) return this.socket.terminate();
    this.pongsMissed++;
    if (!this.isClosing) this.socket.ping();
  }

  close(reason: string): void {
    if (this.isClosing) return;
    if (reason === STOPPING) this.socket.send(JSON.stringify({ kind: 'closing', data: reason }));
    this.end(reason === STOPPING ? GOING_AWAY : TRY_AGAIN_LATER, reason);
  }

  private end(code: number, reason: string): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.subscription.end();
    this.socket.close(code, reason);
    const patience = setTimeout(() => this.socket.terminate(), CLOSE_GRACE_MS);
    void this.ended.then(() => clearTimeout(patience));
  }

  private deliver({ frame }: LiveDelivery): void {
    const unreadBytes = this.socket.bufferedAmount;
    if (unreadBytes <= UNREAD_BYTES_MAX) return this.socket.send(frame);
    this.log.warn('a subscriber of realtime reads too slowly and is disconnected', { by: 'websocket', unreadBytes });
    this.close(TOO_SLOW);
  }

  private hear(data: RawData, isBinary: boolean): void {
    if (isBinary || this.isClosing) return;
    // Text arrives as one buffer: `binaryType` is left as it is.
    const message = readListenerMessage((data as Buffer).toString());
    switch (message?.kind) {
      case 'subscribe': {
        const access = this.accessOf(message.token);
        if (access === undefined) this.end(POLICY, 'the token of a subscription is not valid');
        else if (!this.subscription.add(access.topics)) this.end(POLICY, 'too many topics');
        return;
      }
      case 'unsubscribe':
        return this.subscription.remove(message.topics);
      case undefined:
    }
  }
}
