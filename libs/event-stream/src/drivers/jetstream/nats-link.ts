import { setTimeout as delay } from 'node:timers/promises';
import { connect, errors, type Msg, type NatsConnection, type Payload } from '@nats-io/transport-node';

import { reasonOf, toStreamError, unavailable } from './nats-errors.ts';
import type { NatsServers } from './nats-servers.ts';

const DIAL_MS_MAX = 5_000;
const REDIAL_MS = 250;
const REDIAL_JITTER_MS = 250;
/** A server that does not answer is given up after three of these. */
const PING_MS = 3_000;
const PINGS_UNANSWERED_MAX = 2;

/**
 * The connection to NATS, which reconnects for ever, and whether it is there at this moment: the client itself takes what
 * is published while it is disconnected and forgets it when it dials.
 */
export class NatsLink {
  readonly connection: NatsConnection;
  readonly #servers: string;
  readonly #onChange: (isConnected: boolean) => void;
  readonly #onLost = new Set<() => void>();
  #connected: PromiseWithResolvers<void> | undefined;
  #isClosing = false;

  /** Dials until `waitMs` have passed. Throws STREAM_UNAVAILABLE, at once when the server refuses the credentials. */
  static async open(
    servers: NatsServers,
    { waitMs, onChange }: { waitMs: number; onChange: (isConnected: boolean) => void },
  ): Promise<NatsLink> {
    const giveUpAt = Date.now() + waitMs;
    for (;;) {
      try {
        return new NatsLink(await dial(servers), servers, onChange);
      } catch (error) {
        const isRefused = error instanceof errors.AuthorizationError;
        if (isRefused || Date.now() + REDIAL_MS > giveUpAt) {
          throw unavailable(`no connection to NATS at ${servers.names}: ${reasonOf(error)}`, error);
        }
        await delay(REDIAL_MS);
      }
    }
  }

  private constructor(connection: NatsConnection, servers: NatsServers, onChange: (isConnected: boolean) => void) {
    this.connection = connection;
    this.#servers = servers.names;
    this.#onChange = onChange;
    void this.#follow();
  }

  get isConnected(): boolean {
    return this.#connected === undefined;
  }

  /** Calls `listener` when the connection is lost, until the returned function is called. */
  onLost(listener: () => void): () => void {
    this.#onLost.add(listener);
    return () => void this.#onLost.delete(listener);
  }

  /** Resolves when there is a connection, at the latest when `signal` aborts. */
  async connected(signal: AbortSignal): Promise<void> {
    if (this.#connected === undefined || signal.aborted) return;
    const aborted = Promise.withResolvers<void>();
    const abort = (): void => aborted.resolve();
    signal.addEventListener('abort', abort);
    await Promise.race([this.#connected.promise, aborted.promise]);
    signal.removeEventListener('abort', abort);
  }

  /** Throws STREAM_UNAVAILABLE unless there is a connection before `signal` aborts. */
  async assertConnected(signal: AbortSignal): Promise<void> {
    await this.connected(signal);
    if (!this.isConnected) throw unavailable(`no connection to NATS at ${this.#servers}`);
  }

  /** Throws STREAM_UNAVAILABLE when there is no answer within `timeoutMs`, and at once when the connection is lost. */
  async request(subject: string, payload: Payload, timeoutMs: number): Promise<Msg> {
    const lost = Promise.withResolvers<never>();
    const forget = this.onLost(() => lost.reject(unavailable('the connection to NATS was lost')));
    try {
      return await Promise.race([this.connection.request(subject, payload, { timeout: timeoutMs }), lost.promise]);
    } catch (error) {
      throw toStreamError(error);
    } finally {
      forget();
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.connection.close();
  }

  async #follow(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === 'disconnect' || type === 'close') this.#lose();
      if (type === 'reconnect') this.#regain();
    }
  }

  #lose(): void {
    if (this.#connected !== undefined) return;
    this.#connected = Promise.withResolvers();
    for (const listener of this.#onLost) listener();
    if (!this.#isClosing) this.#onChange(false);
  }

  #regain(): void {
    this.#connected?.resolve();
    this.#connected = undefined;
    this.#onChange(true);
  }
}

function dial({ options }: NatsServers): Promise<NatsConnection> {
  return connect({
    ...options,
    name: 'perdure event stream',
    timeout: DIAL_MS_MAX,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: REDIAL_MS,
    reconnectJitter: REDIAL_JITTER_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_UNANSWERED_MAX,
    noAsyncTraces: true,
  });
}
