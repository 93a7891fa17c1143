import { randomUUID } from 'node:crypto';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';

import { EventStreamError } from '../../event-stream-error.ts';
import type { NatsLink } from './nats-link.ts';
import type { Publication, Publisher } from './publisher.ts';
import type { StreamNames } from './stream-names.ts';
import { headerOf, PARTS, PARTS_BYTES } from './stored-message.ts';

/** Left for headers and subjects of a message that may have at most the server's `max_payload`. */
const HEADROOM_BYTES = 16 * 1024;
const PUBLISH_MS_MAX = 5_000;

/** A body as it goes into a message: whole, or stored elsewhere and named by a header. */
export interface PackedBody {
  payload: Uint8Array;
  headers: Record<string, string>;
}

type Store = 'parts' | 'dead';

/**
 * Bodies larger than a message of NATS may be. They are stored in pieces, under a token of their own, before the message
 * that names them: a crash in between leaves pieces that nothing names, which age out.
 */
export class BodyParts {
  readonly #link: NatsLink;
  readonly #names: StreamNames;
  readonly #manager: JetStreamManager;
  readonly #publisher: Publisher;

  constructor(parts: { link: NatsLink; names: StreamNames; manager: JetStreamManager; publisher: Publisher }) {
    this.#link = parts.link;
    this.#names = parts.names;
    this.#manager = parts.manager;
    this.#publisher = parts.publisher;
  }

  /** Stores the pieces of a body that is too large for one message. Throws like `Publisher.publish`. */
  async pack(body: string, store: Store): Promise<PackedBody> {
    const bytes = Buffer.from(body);
    const limit = this.#bytesMax();
    if (bytes.length <= limit) return { payload: bytes, headers: {} };
    const token = randomUUID();
    const pieces: Publication[] = [];
    for (let from = 0; from < bytes.length; from += limit) {
      const subject = this.#names.part(store, token, pieces.length);
      pieces.push({ subject, payload: bytes.subarray(from, from + limit), headers: {} });
    }
    // One after the other: the last of them is what the time is measured by.
    for (const piece of pieces) await this.#publisher.publish([piece], PUBLISH_MS_MAX);
    return {
      payload: new Uint8Array(),
      headers: { [PARTS]: `${pieces.length}.${token}`, [PARTS_BYTES]: String(bytes.length) },
    };
  }

  /** The body of a message, however it is stored. Throws STREAM_UNAVAILABLE, and STREAM_BODY_LOST when pieces are gone. */
  async unpack(message: Pick<Msg, 'headers' | 'data'>, store: Store): Promise<string> {
    const parts = partsOf(message);
    if (parts === undefined) return Buffer.from(message.data).toString();
    const pieces = await Promise.all(
      Array.from({ length: parts.count }, (_, index) => this.#read(store, parts.token, index)),
    );
    return Buffer.concat(pieces).toString();
  }

  /** Removes the pieces of a message that is removed. */
  async drop(message: Pick<Msg, 'headers'>, store: Store): Promise<void> {
    const parts = partsOf(message);
    if (parts === undefined) return;
    await this.#manager.streams.purge(this.#names[store], { filter: this.#names.part(store, parts.token, '*') });
  }

  async #read(store: Store, token: string, index: number): Promise<Uint8Array> {
    const query = { last_by_subj: this.#names.part(store, token, index) };
    const { direct, streams } = this.#manager;
    // A server that is behind its leader may not have it yet: then the leader is asked.
    const piece =
      (await direct.getMessage(this.#names[store], query)) ?? (await streams.getMessage(this.#names[store], query));
    if (piece === null) {
      throw new EventStreamError('STREAM_BODY_LOST', `piece ${index} of a large message is gone`, { token });
    }
    return piece.data;
  }

  #bytesMax(): number {
    return (this.#link.connection.info?.max_payload ?? 1024 * 1024) - HEADROOM_BYTES;
  }
}

/** How large the body of a message is, wherever it is stored. */
export function bodyBytes(message: Pick<Msg, 'headers' | 'data'>): number {
  return Number(headerOf(message.headers, PARTS_BYTES) ?? message.data.length);
}

function partsOf({ headers }: Pick<Msg, 'headers'>): { count: number; token: string } | undefined {
  const [count, token] = headerOf(headers, PARTS)?.split('.') ?? [];
  return count === undefined || token === undefined ? undefined : { count: Number(count), token };
}
