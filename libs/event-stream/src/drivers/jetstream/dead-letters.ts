import { JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';

import type { DeadLetter, Delivery, GroupName, StreamTopic } from '../../event-stream.ts';
import type { BodyParts } from './body-parts.ts';
import type { NatsLink } from './nats-link.ts';
import type { Publisher } from './publisher.ts';
import { readRange } from './read-range.ts';
import type { StreamNames } from './stream-names.ts';
import { fromHeader, headerOf, MESSAGE_ID, toHeader } from './stored-message.ts';

const PUBLISH_MS_MAX = 5_000;
const READ_BYTES_MAX = 16 * 1024 * 1024;
const REASON_CHARS_MAX = 1_000;

const LETTER_ID = 'Perdure-Id';
const TOPIC = 'Perdure-Topic';
const APPENDED_AT = 'Perdure-Appended-At';
const DELIVERIES = 'Perdure-Deliveries';
const REASON = 'Perdure-Reason';

interface FoundLetter {
  letter: DeadLetter;
  /** In the stream of dead letters. */
  position: number;
  message: Pick<Msg, 'headers' | 'data'>;
}

/** The stream of messages given up on: a subject for each, by group and position in the main stream. */
export class DeadLetters {
  readonly #link: NatsLink;
  readonly #names: StreamNames;
  readonly #manager: JetStreamManager;
  readonly #publisher: Publisher;
  readonly #bodies: BodyParts;

  constructor(parts: {
    link: NatsLink;
    names: StreamNames;
    manager: JetStreamManager;
    publisher: Publisher;
    bodies: BodyParts;
  }) {
    this.#link = parts.link;
    this.#names = parts.names;
    this.#manager = parts.manager;
    this.#publisher = parts.publisher;
    this.#bodies = parts.bodies;
  }

  /** Within the dedup window twice is once. Throws like `Publisher.publish`. */
  async add(group: GroupName, delivery: Delivery, reason: string): Promise<void> {
    const { seq, id, topic, body, appendedAt, deliveryCount } = delivery;
    const { payload, headers } = await this.#bodies.pack(body, 'dead');
    const letter = {
      subject: this.#names.deadLetter(group, seq),
      payload,
      headers: {
        ...headers,
        [MESSAGE_ID]: `${group}.${seq}.${appendedAt}`,
        [LETTER_ID]: toHeader(id),
        [TOPIC]: topic,
        [APPENDED_AT]: String(appendedAt),
        [DELIVERIES]: String(deliveryCount),
        [REASON]: toHeader(reason.toWellFormed().slice(0, REASON_CHARS_MAX).toWellFormed()),
      },
    };
    await this.#publisher.publish([letter], PUBLISH_MS_MAX);
  }

  /** Oldest first. */
  async read(group: GroupName, lettersMax: number): Promise<DeadLetter[]> {
    const messages = await readRange(this.#link, this.#manager, {
      stream: this.#names.dead,
      subject: this.#names.deadLetter(group, '*'),
      from: { seq: 1 },
      messagesMax: lettersMax,
      bytesMax: READ_BYTES_MAX,
    });
    const letters: DeadLetter[] = [];
    for (const message of messages) letters.push(await this.#open(message));
    return letters;
  }

  async find(group: GroupName, seq: number): Promise<FoundLetter | undefined> {
    const query = { last_by_subj: this.#names.deadLetter(group, seq) };
    const stored = await this.#manager.streams.getMessage(this.#names.dead, query);
    if (stored === null) return undefined;
    const message = { headers: stored.header, data: stored.data, subject: stored.subject };
    return { letter: await this.#open(message), position: stored.seq, message };
  }

  /** Whether it was still there. */
  async remove({ position, message }: FoundLetter): Promise<boolean> {
    await this.#bodies.drop(message, 'dead');
    try {
      return await this.#manager.streams.deleteMessage(this.#names.dead, position);
    } catch (error) {
      if (error instanceof JetStreamApiError) return false;
      throw error;
    }
  }

  async #open(message: Pick<Msg, 'headers' | 'data' | 'subject'>): Promise<DeadLetter> {
    const { headers, subject } = message;
    return {
      seq: Number(subject.slice(subject.lastIndexOf('.') + 1)),
      id: fromHeader(headerOf(headers, LETTER_ID) ?? ''),
      topic: (headerOf(headers, TOPIC) ?? 'events') as StreamTopic,
      body: await this.#bodies.unpack(message, 'dead'),
      appendedAt: Number(headerOf(headers, APPENDED_AT)),
      deliveryCount: Number(headerOf(headers, DELIVERIES)),
      reason: fromHeader(headerOf(headers, REASON) ?? ''),
    };
  }
}
