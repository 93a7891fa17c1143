import type { ServerResponse } from 'node:http';
import type { LiveAccess } from '@perdure/protocol';
import type { LiveDelivery, RealtimeHub } from '@perdure/engine';
import type { Logger } from '@perdure/telemetry';
import { CLOSE_GRACE_MS, type Listener, TOO_SLOW, UNREAD_BYTES_MAX } from './listener.ts';
import { LiveSubscription } from './live-subscription.ts';

/** An EventSource connects again by itself. */
const LIFETIME_MS = 15 * 60_000;

/** A subscriber that reads server-sent events (sdk-protocol.md 9.6.3). */
export class SseListener implements Listener {
  readonly ended: Promise<void>;
  private readonly response: ServerResponse;
  private readonly subscription: LiveSubscription;
  private readonly log: Logger;
  private isClosing = false;

  /** `headers`: those that every answer has. */
  constructor(
    response: ServerResponse,
    {
      hub,
      access,
      headers,
      log,
      lifetimeMs = LIFETIME_MS,
    }: {
      hub: RealtimeHub;
      access: LiveAccess;
      headers: Record<string, string>;
      log: Logger;
      lifetimeMs?: number;
    },
  ) {
    this.response = response;
    this.log = log;
    this.subscription = new LiveSubscription(hub, (delivery) => this.deliver(delivery));
    const lifetime = setTimeout(() => this.close('it has lasted as long as it may'), lifetimeMs);
    this.ended = new Promise((resolve) => {
      response.once('close', () => {
        clearTimeout(lifetime);
        this.subscription.end();
        resolve();
      });
    });
    // What went wrong with a connection ends it: `close` follows.
    response.on('error', () => undefined);
    this.subscription.add(access.topics);
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      // Proxies that gather answers would hold messages back.
      'x-accel-buffering': 'no',
    });
    response.write(': connected\n\n');
  }

  keepAlive(): void {
    if (!this.isClosing) this.response.write(': keep-alive\n\n');
  }

  close(reason: string): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.subscription.end();
    this.response.end(`: closed, ${reason}\n\n`);
    const patience = setTimeout(() => this.response.destroy(), CLOSE_GRACE_MS);
    void this.ended.then(() => clearTimeout(patience));
  }

  private deliver({ frame, relayed }: LiveDelivery): void {
    const unreadBytes = this.response.writableLength;
    if (unreadBytes > UNREAD_BYTES_MAX) {
      this.log.warn('a subscriber of realtime reads too slowly and is disconnected', { by: 'events', unreadBytes });
      return this.close(TOO_SLOW);
    }
    // JSON may have line breaks between its tokens; an event has a line for each.
    this.response.write(relayed ?? `data: ${frame.replaceAll(/\r\n|\r|\n/g, '\ndata: ')}\n\n`);
  }
}
