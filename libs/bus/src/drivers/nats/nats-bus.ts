import { setTimeout as delay } from 'node:timers/promises';
import { connect, type ConnectionOptions, type Msg, type NatsConnection, type Status } from '@nats-io/transport-node';

import type { Bus, BusTopics } from '../../bus.ts';
import { openEmbeddedBus } from '../embedded/embedded-bus.ts';
import { natsServers } from './nats-servers.ts';
import { OutgoingHints } from './outgoing-hints.ts';
import { OutgoingUpdates } from './outgoing-updates.ts';
import { printMessage, readMessage } from './wire.ts';

type Topic = keyof BusTopics;

const SUBJECT_PREFIX = 'perdure-hints';
const CONNECT_MS_MAX = 5_000;
const RETRY_MS = 250;
/** Upper bound of what is added by chance, so that processes do not return all at once. */
const RETRY_JITTER_MS = 250;
/** A server that does not answer is given up after three of these. */
const PING_MS = 3_000;
const PINGS_UNANSWERED_MAX = 2;

/** Told at each change, and first when the bus opens. */
export type NatsBusStatus =
  | { kind: 'connected'; server: string }
  /** Hints wait or are lost; connecting is tried for ever. */
  | { kind: 'disconnected'; reason: string };

export interface NatsBusOptions {
  /** `nats://` or `tls://`, of one cluster, with user and password (or a token) where the server wants them. */
  servers: readonly string[];
  /** The first part of every subject; processes with different ones do not hear each other. */
  subjectPrefix?: string;
  /** Told what a receiver threw, and what the server complains about. */
  onError: (error: unknown, topic?: Topic) => void;
  onStatus?: (status: NatsBusStatus) => void;
}

/**
 * Hints between the roles of many processes, over core NATS. Receivers in this process are called as by the embedded
 * bus, whether the server is there or not. Resolves when the bus is connected or the first try failed: as hints are
 * best effort, a server that is away is no reason not to start, and `onStatus` tells. Throws a `BusError` with the code
 * `BUS_SERVERS_INVALID` when a server is no URL.
 */
export async function openNatsBus(options: NatsBusOptions): Promise<Bus> {
  const bus = new NatsBus(options);
  await bus.opened;
  return bus;
}

/**
 * Two modes: disconnected (hints to other processes wait, each one once, and live updates, as they came) and connected (hints are
 * sent at the end of the turn, live updates at once). The client reconnects by itself once it was connected; the first
 * connection, and one that the client gave up, is tried for here.
 *
 * 1. Publishing never fails, and what is held for a server that does not read is bounded (`OutgoingHints`,
 *    `OutgoingUpdates`).
 * 2. When hints of others may have been missed, `onGap` is told after the server has taken the subscriptions again:
 *    nothing is lost between the look that follows and the hints that come next.
 */
class NatsBus implements Bus {
  readonly opened: Promise<void>;
  readonly #options: NatsBusOptions;
  readonly #servers: ConnectionOptions;
  readonly #local: Bus;
  readonly #outgoing: OutgoingHints;
  readonly #updates: OutgoingUpdates;
  readonly #topics = new Set<Topic>();
  readonly #gapReceivers = new Set<() => void>();
  readonly #closing = new AbortController();
  #connection: NatsConnection | undefined;
  #status: NatsBusStatus['kind'] | undefined;
  #mayHaveMissed = false;

  constructor(options: NatsBusOptions) {
    this.#options = options;
    this.#servers = natsServers(options.servers);
    this.#local = openEmbeddedBus({ onError: options.onError });
    this.#outgoing = new OutgoingHints((error) => options.onError(error));
    this.#updates = new OutgoingUpdates((error) => options.onError(error, 'realtime'));
    const first = Promise.withResolvers<void>();
    this.opened = first.promise;
    void this.#stayConnected(() => first.resolve());
  }

  publish<T extends Topic>(topic: T, message: BusTopics[T]): void {
    if (this.#isClosed) return;
    this.#local.publish(topic, message);
    const subject = this.#subjectOf(topic);
    const payload = printMessage(topic, message);
    if (topic === 'realtime') this.#updates.add(subject, payload);
    else this.#outgoing.add({ subject, payload });
  }

  subscribe<T extends Topic>(topic: T, receive: (message: BusTopics[T]) => void): () => void {
    if (!this.#isClosed && !this.#topics.has(topic)) {
      this.#topics.add(topic);
      if (this.#connection !== undefined) this.#listen(this.#connection, topic);
    }
    return this.#local.subscribe(topic, receive);
  }

  onGap(receive: () => void): () => void {
    const own = (): void => receive();
    this.#gapReceivers.add(own);
    return () => void this.#gapReceivers.delete(own);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#outgoing.pause();
    this.#updates.pause();
    this.#gapReceivers.clear();
    await this.#local.close();
    await this.#connection?.close();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #stayConnected(onFirstTry: () => void): Promise<void> {
    while (!this.#isClosed) {
      try {
        const connection = await this.#connect();
        if (this.#isClosed) await connection.close();
        else await this.#use(connection, onFirstTry);
      } catch (error) {
        this.#becomeDisconnected(error);
        onFirstTry();
        await this.#pauseUnlessClosing(RETRY_MS + Math.random() * RETRY_JITTER_MS);
      }
    }
    onFirstTry();
  }

  async #pauseUnlessClosing(pauseMs: number): Promise<void> {
    const { signal } = this.#closing;
    await delay(pauseMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  #connect(): Promise<NatsConnection> {
    return connect({
      ...this.#servers,
      name: 'perdure hints',
      // Receivers in this process have been called already.
      noEcho: true,
      timeout: CONNECT_MS_MAX,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectTimeWait: RETRY_MS,
      reconnectJitter: RETRY_JITTER_MS,
      pingInterval: PING_MS,
      maxPingOut: PINGS_UNANSWERED_MAX,
    });
  }

  /** Until the connection is closed; throws when it was not closed by this bus. */
  async #use(connection: NatsConnection, onConnected: () => void): Promise<void> {
    const statuses = connection.status();
    this.#connection = connection;
    for (const topic of this.#topics) this.#listen(connection, topic);
    void this.#becomeConnected(connection);
    onConnected();
    for await (const status of statuses) this.#follow(connection, status);
    this.#connection = undefined;
    if (!this.#isClosed) throw (await connection.closed()) ?? new Error('the connection was closed');
  }

  #listen(connection: NatsConnection, topic: Topic): void {
    connection.subscribe(this.#subjectOf(topic), {
      // An error here is one that the connection reports as well.
      callback: (error, message) => void (error === null && this.#receive(topic, message)),
    });
  }

  #receive(topic: Topic, message: Msg): void {
    try {
      this.#local.publish(topic, readMessage(topic, message.string()));
    } catch (error) {
      this.#options.onError(error, topic);
    }
  }

  #follow(connection: NatsConnection, status: Status): void {
    switch (status.type) {
      case 'disconnect':
        this.#becomeDisconnected('the connection was lost');
        break;
      case 'reconnect':
        void this.#becomeConnected(connection);
        break;
      case 'error':
        this.#options.onError(status.error);
        break;
      default:
    }
  }

  async #becomeConnected(connection: NatsConnection): Promise<void> {
    this.#outgoing.resume(connection);
    this.#updates.resume(connection);
    this.#tell({ kind: 'connected', server: connection.getServer() });
    if (!this.#mayHaveMissed) return;
    try {
      await connection.flush();
    } catch {
      // It was lost again: the next connection tells of the gap.
      return;
    }
    if (!this.#mayHaveMissed) return;
    this.#mayHaveMissed = false;
    for (const receive of this.#gapReceivers) this.#callForGap(receive);
  }

  #callForGap(receive: () => void): void {
    try {
      receive();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #becomeDisconnected(cause: unknown): void {
    this.#outgoing.pause();
    this.#updates.pause();
    this.#mayHaveMissed = true;
    if (!this.#isClosed)
      this.#tell({ kind: 'disconnected', reason: cause instanceof Error ? cause.message : String(cause) });
  }

  #tell(status: NatsBusStatus): void {
    if (this.#status === status.kind) return;
    this.#status = status.kind;
    this.#options.onStatus?.(status);
  }

  #subjectOf(topic: Topic): string {
    return `${this.#options.subjectPrefix ?? SUBJECT_PREFIX}.${topic}`;
  }
}
