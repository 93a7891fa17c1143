import type { Msg } from '@nats-io/transport-node';
import { assert, type EpochMs } from '@perdure/domain';

import { assertMessages } from '../../assert-messages.ts';
import { EventStreamError } from '../../event-stream-error.ts';
import type {
  DeadLetter,
  Delivery,
  EventStream,
  GroupName,
  StreamedMessage,
  StreamMessage,
  StreamTopic,
} from '../../event-stream.ts';
import { bodyBytes } from './body-parts.ts';
import { Deadline } from './deadline.ts';
import { GroupConsumer } from './group-consumer.ts';
import { reasonOf, toStreamError, unavailable } from './nats-errors.ts';
import { NatsLink } from './nats-link.ts';
import { parseNatsServers } from './nats-servers.ts';
import type { Publication } from './publisher.ts';
import { readRange } from './read-range.ts';
import { deliveryInfo, idHeaders, idOf } from './stored-message.ts';
import { NAME_PREFIX_DEFAULT, StreamNames } from './stream-names.ts';
import { assembleStream, type StreamParts } from './stream-parts.ts';
import type { EventStreamStatus } from './stream-status.ts';

/** Docker Compose and Kubernetes start NATS beside us, not before. */
const OPEN_MS_DEFAULT = 30_000;
/** A receipt is checked, matched and scheduled within milliseconds: this long only when its process hangs or is gone. */
const ACK_WAIT_MS_DEFAULT = 30_000;
/** execution.md 2.1. */
const DEDUP_WINDOW_MS_DEFAULT = 120_000;
/** Whoever sends events waits this long for an answer when NATS gives none. */
const APPEND_MS_MAX = 5_000;
const READ_BYTES_MAX = 16 * 1024 * 1024;
const CLOSE_MS_MAX = 2_000;

export interface JetStreamEventStreamOptions {
  /** `nats://` or `tls://`, of one cluster, with user and password (or a token) where the server wants them. */
  servers: readonly string[];
  /** Copies of each message, each on a server of its own: 1, 3 or 5. */
  replicas: number;
  /** How long messages are kept, acknowledged or not. */
  retentionMs: number;
  /** How long a pulled message may stay unacknowledged: 30 s. */
  ackWaitMs?: number;
  /** How long an ID is remembered: 2 minutes. */
  dedupWindowMs?: number;
  /** The name of the main stream, in upper case, with which the names of all others begin: PERDURE. */
  namePrefix?: string;
  /** How long to wait for NATS to be there: 30 s. */
  openMs?: number;
  onStatus?: (status: EventStreamStatus) => void;
}

/**
 * The event stream of many processes, in NATS JetStream 2.9.4 or later (architecture.md 1). Streams and consumers are made
 * when they are missing and brought up to date when the settings have changed.
 *
 * Throws STREAM_UNAVAILABLE, naming the servers, when NATS or its JetStream is not there within `openMs`, and
 * STREAM_MISCONFIGURED when it refuses the settings. Later outages are told to `onStatus` and end by themselves.
 */
export async function openJetStreamEventStream(options: JetStreamEventStreamOptions): Promise<EventStream> {
  const { namePrefix = NAME_PREFIX_DEFAULT, openMs = OPEN_MS_DEFAULT } = options;
  const { ackWaitMs = ACK_WAIT_MS_DEFAULT, dedupWindowMs = DEDUP_WINDOW_MS_DEFAULT } = options;
  const { replicas, retentionMs, onStatus } = options;
  const giveUpAt = Date.now() + openMs;
  const servers = parseNatsServers(options.servers);
  const tell = (status: EventStreamStatus): void => onStatus?.(status);
  const link = await NatsLink.open(servers, {
    waitMs: openMs,
    onChange: (isConnected) =>
      tell(
        isConnected
          ? { kind: 'reconnected', message: `connected again to NATS at ${servers.names}` }
          : { kind: 'disconnected', message: `no connection to NATS at ${servers.names}` },
      ),
  });
  try {
    const settings = { replicas, retentionMs, ackWaitMs, dedupWindowMs };
    const parts = await assembleStream({ link, names: new StreamNames(namePrefix), settings, tell });
    await parts.declaration.make(giveUpAt);
    return new JetStreamEventStream(parts);
  } catch (error) {
    await link.close();
    const { code, message } = toStreamError(error);
    throw new EventStreamError(code, `${message} (NATS at ${servers.names})`, { cause: error });
  }
}

/**
 * Modes: open, closed. Everything that matters is on the server; here is only what this process has in hand.
 */
class JetStreamEventStream implements EventStream {
  readonly #parts: StreamParts;
  readonly #groups: Record<GroupName, GroupConsumer>;
  readonly #pulls = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.#groups = { runner: new GroupConsumer('runner', parts), recorder: new GroupConsumer('recorder', parts) };
  }

  async append(messages: StreamMessage[]): Promise<{ appended: number; duplicates: number }> {
    this.#assertOpen();
    assertMessages(messages);
    const publications: Publication[] = [];
    for (const message of messages) publications.push(await this.#publicationOf(message));
    const { duplicates } = await this.#parts.publisher.publish(publications, APPEND_MS_MAX);
    return { appended: messages.length - duplicates, duplicates };
  }

  async pull(group: GroupName, messagesMax: number, signal: AbortSignal): Promise<Delivery[]> {
    this.#assertOpen();
    assert(messagesMax > 0, 'a pull takes at least one message', { messagesMax });
    if (signal.aborted) return [];
    const pulled = this.#groups[group].pull(messagesMax, AbortSignal.any([signal, this.#closing.signal]));
    this.#pulls.add(pulled);
    return pulled.finally(() => this.#pulls.delete(pulled));
  }

  async ack(group: GroupName, seqs: number[]): Promise<void> {
    this.#assertOpen();
    await this.#groups[group].ack(seqs);
  }

  async extend(group: GroupName, seqs: number[]): Promise<void> {
    this.#assertOpen();
    if (!this.#parts.link.isConnected) throw unavailable('no connection to NATS');
    this.#groups[group].extend(seqs);
  }

  async putBack(group: GroupName, seq: number, delayMs: number, reason: string): Promise<void> {
    this.#assertOpen();
    await this.#groups[group].putBack(seq, delayMs, reason);
  }

  async readDeadLetters(group: GroupName, messagesMax: number): Promise<DeadLetter[]> {
    return this.#ask(() => this.#parts.letters.read(group, messagesMax));
  }

  async retryDeadLetter(group: GroupName, seq: number): Promise<boolean> {
    return this.#ask(async () => {
      const { letters, publisher } = this.#parts;
      const found = await letters.find(group, seq);
      if (found === undefined) return false;
      // Published before it is removed: dying in between leaves both, and within the dedup window a repeat is one message.
      const publication = await this.#publicationOf(found.letter, `retry.${group}.${seq}.${found.position}`);
      await publisher.publish([publication], APPEND_MS_MAX);
      return letters.remove(found);
    });
  }

  async dropDeadLetter(group: GroupName, seq: number): Promise<boolean> {
    return this.#ask(async () => {
      const found = await this.#parts.letters.find(group, seq);
      return found !== undefined && (await this.#parts.letters.remove(found));
    });
  }

  async lag(group: GroupName): Promise<number> {
    return this.#ask(async () => {
      const { manager, names } = this.#parts;
      const { num_pending: undelivered, num_ack_pending: unacknowledged } = await manager.consumers.info(
        names.main,
        group,
      );
      return undelivered + unacknowledged;
    });
  }

  async readSince(
    topic: StreamTopic,
    since: EpochMs,
    afterSeq: number,
    messagesMax: number,
  ): Promise<StreamedMessage[]> {
    return this.#ask(async () => {
      const { link, names, manager } = this.#parts;
      for (let after = afterSeq; ;) {
        const messages = await readRange(link, manager, {
          stream: names.main,
          subject: names.topic(topic),
          from: after > 0 ? { seq: after + 1 } : { since },
          messagesMax,
          bytesMax: READ_BYTES_MAX,
        });
        const last = messages.at(-1);
        if (last === undefined) return [];
        const found = await this.#open(messages, topic, since);
        if (found.length > 0) return found;
        after = deliveryInfo(last).seq;
      }
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    const deadline = new Deadline(CLOSE_MS_MAX);
    const late = new Promise<void>((resolve) => deadline.signal.addEventListener('abort', () => resolve()));
    // Without NATS there is nobody to give anything back to: the ack wait ends by itself.
    await Promise.race([this.#release(), late]);
    deadline.clear();
    await this.#parts.link.close();
  }

  async #release(): Promise<void> {
    await Promise.allSettled(this.#pulls);
    for (const group of Object.values(this.#groups)) group.release();
    if (this.#parts.link.isConnected) await this.#parts.link.connection.flush().catch(() => undefined);
  }

  async #publicationOf(message: StreamMessage, messageId = message.id): Promise<Publication> {
    const { payload, headers } = await this.#parts.bodies.pack(message.body, 'parts');
    const subject = this.#parts.names.topic(message.topic);
    return { subject, payload, headers: { ...headers, ...idHeaders(message, messageId) } };
  }

  /** As many as fit into an answer, at least one; those that cannot be read are told and left out. */
  async #open(messages: Msg[], topic: StreamTopic, since: EpochMs): Promise<StreamedMessage[]> {
    const found: StreamedMessage[] = [];
    let bytes = 0;
    for (const message of messages) {
      if (bytes >= READ_BYTES_MAX) break;
      const { seq, appendedAt } = deliveryInfo(message);
      if (appendedAt < since) continue;
      const id = idOf(message);
      bytes += bodyBytes(message);
      try {
        const body = await this.#parts.bodies.unpack(message, 'parts');
        found.push({ seq, id, topic, body, appendedAt });
      } catch (error) {
        if (!(error instanceof EventStreamError) || error.code !== 'STREAM_BODY_LOST') throw error;
        this.#parts.tell({ kind: 'unreadable', message: `message ${id}: ${reasonOf(error)}` });
      }
    }
    return found;
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    try {
      return await question();
    } catch (error) {
      throw toStreamError(error);
    }
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw new EventStreamError('STREAM_CLOSED', 'the event stream is closed');
  }
}
