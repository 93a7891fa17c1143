import { nanos, type Msg } from '@nats-io/transport-node';

import { DELIVERIES_MAX, type Delivery, type GroupName } from '../../event-stream.ts';
import { bodyBytes } from './body-parts.ts';
import { Deadline, pause } from './deadline.ts';
import { reasonOf } from './nats-errors.ts';
import { PullRequest } from './pull-request.ts';
import { deliveryInfo, idOf } from './stored-message.ts';
import type { StreamParts } from './stream-parts.ts';

/** An answer ends with the message that exceeds this, so that large messages do not fill the memory. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** How long one request waits at the server. Should it get lost there, with a leader for one, that long is lost at most. */
const WAIT_MS = 5_000;
/** A request that ended without a message before its time is not followed by the next one at once. */
const EMPTY_PAUSE_MS = 250;
const CONFIRM_MS_MAX = 5_000;
const UNREADABLE_MS = 5_000;

const ACK = '+ACK';
const NAK = '-NAK';
const IN_PROGRESS = '+WPI';
const TERM = '+TERM';

interface HandedOut {
  delivery: Delivery;
  /** Where to say what became of it. */
  reply: string;
}

/**
 * This process's share of one group: a durable consumer that any number of processes pull from.
 *
 * 1. A message that arrived is in `#handedOut`, in `#waiting`, or was given back.
 * 2. It leaves `#handedOut` when the server has confirmed what became of it; until then saying so may be repeated.
 * 3. Deliveries are counted by the server. One more than allowed is not handed out but given up on.
 */
export class GroupConsumer {
  readonly #group: GroupName;
  readonly #parts: StreamParts;
  readonly #handedOut = new Map<number, HandedOut>();
  /** Arrived, and did not fit into the answer any more. */
  readonly #waiting: Msg[] = [];
  readonly #requests = new Set<Promise<void>>();

  constructor(group: GroupName, parts: StreamParts) {
    this.#group = group;
    this.#parts = parts;
  }

  /** Goes on through outages until there is a message or `signal` aborts. */
  async pull(messagesMax: number, signal: AbortSignal): Promise<Delivery[]> {
    while (!signal.aborted) {
      const messages = this.#waiting.length > 0 ? this.#takeWaiting(messagesMax) : await this.#ask(messagesMax, signal);
      const deliveries = await this.#handOut(messages);
      if (deliveries.length > 0) return deliveries;
    }
    return [];
  }

  async ack(seqs: number[]): Promise<void> {
    await this.#confirm(seqs, ACK);
  }

  extend(seqs: number[]): void {
    for (const seq of seqs) this.#say(this.#handedOut.get(seq)?.reply, IN_PROGRESS);
  }

  async putBack(seq: number, delayMs: number, reason: string): Promise<void> {
    const held = this.#handedOut.get(seq);
    if (held === undefined) return;
    if (held.delivery.deliveryCount >= DELIVERIES_MAX) {
      await this.#parts.letters.add(this.#group, held.delivery, reason);
      await this.#confirm([seq], TERM);
      return;
    }
    await this.#confirm([seq], delayMs > 0 ? `${NAK} ${JSON.stringify({ delay: nanos(delayMs) })}` : NAK);
  }

  /** Gives everything back that this process still has, so that others get it at once. To be called when no pull waits. */
  async release(): Promise<void> {
    await Promise.all(this.#requests);
    for (const { reply } of this.#handedOut.values()) this.#say(reply, NAK);
    for (const { reply } of this.#waiting.splice(0)) this.#say(reply, NAK);
    this.#handedOut.clear();
  }

  #takeWaiting(messagesMax: number): Msg[] {
    for (const { reply } of this.#waiting) this.#say(reply, IN_PROGRESS);
    return this.#waiting.splice(0, messagesMax);
  }

  async #ask(messagesMax: number, signal: AbortSignal): Promise<Msg[]> {
    const { link, names, declaration } = this.#parts;
    await link.connected(signal);
    if (signal.aborted) return [];
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal.addEventListener('abort', abort);
    // Nobody would answer a request that was made before.
    const forget = [link.onLost(abort), declaration.onMade(abort)];
    const startedAt = performance.now();
    const query = {
      stream: names.main,
      consumer: this.#group,
      messagesMax,
      bytesMax: Math.max(ANSWER_BYTES_MAX, 2 * (link.connection.info?.max_payload ?? 0)),
      waitMs: WAIT_MS,
    };
    const request = new PullRequest(link.connection, query, stop.signal, ({ reply }) => this.#say(reply, NAK));
    const over = request.over.finally(() => this.#requests.delete(over));
    this.#requests.add(over);
    const { messages, isGone } = await request.answer;
    signal.removeEventListener('abort', abort);
    for (const each of forget) each();
    if (isGone) await declaration.repair();
    const wasShort = performance.now() - startedAt < EMPTY_PAUSE_MS;
    if (messages.length === 0 && wasShort) await pause(EMPTY_PAUSE_MS, signal);
    return messages;
  }

  async #handOut(messages: Msg[]): Promise<Delivery[]> {
    const deliveries: Delivery[] = [];
    let bytes = 0;
    for (const [index, message] of messages.entries()) {
      if (bytes >= ANSWER_BYTES_MAX) {
        this.#waiting.push(...messages.slice(index));
        break;
      }
      bytes += bodyBytes(message);
      const delivery = await this.#read(message);
      if (delivery === undefined) continue;
      this.#handedOut.set(delivery.seq, { delivery, reply: message.reply ?? '' });
      deliveries.push(delivery);
    }
    return deliveries;
  }

  /** Undefined: it is not to be handed out now, or not any more. */
  async #read(message: Msg): Promise<Delivery | undefined> {
    const { names, bodies, settings, tell } = this.#parts;
    const { seq, appendedAt, deliveryCount } = deliveryInfo(message);
    const head = { seq, id: idOf(message), topic: names.topicOf(message.subject), appendedAt };
    try {
      const isTooMany = deliveryCount > DELIVERIES_MAX;
      const body = await bodies.unpack(message, 'parts');
      if (!isTooMany) return { ...head, body, deliveryCount };
      const last = { ...head, body, deliveryCount: deliveryCount - 1 };
      await this.#giveUp(last, message, `not acknowledged within ${settings.ackWaitMs} ms`);
    } catch (error) {
      tell({ kind: 'unreadable', message: `message ${head.id}: ${reasonOf(error)}` });
      this.#say(message.reply, `${NAK} ${JSON.stringify({ delay: nanos(UNREADABLE_MS) })}`);
    }
    return undefined;
  }

  async #giveUp(delivery: Delivery, { reply = '' }: Msg, reason: string): Promise<void> {
    await this.#parts.letters.add(this.#group, delivery, reason);
    this.#say(reply, TERM);
  }

  /**
   * Says the same of messages in hand, and waits until the server has heard it of the last one: it hears them in order.
   * Throws STREAM_UNAVAILABLE; then they stay in hand, and it may be said again.
   */
  async #confirm(seqs: number[], what: string): Promise<void> {
    const held = [...new Set(seqs)].filter((seq) => this.#handedOut.has(seq));
    const replies = held.map((seq) => this.#handedOut.get(seq)?.reply ?? '');
    const last = replies.pop();
    if (last === undefined) return;
    const { link } = this.#parts;
    const deadline = new Deadline(CONFIRM_MS_MAX);
    try {
      await link.assertConnected(deadline.signal);
      for (const reply of replies) this.#say(reply, what);
      await link.request(last, what, CONFIRM_MS_MAX);
    } catch (error) {
      await this.#dropForgotten(held);
      if (held.some((seq) => this.#handedOut.has(seq))) throw error;
    } finally {
      deadline.clear();
    }
    for (const seq of held) this.#handedOut.delete(seq);
  }

  /**
   * A server that crashed may have forgotten what it had delivered, and one that was emptied has: it answers nothing then,
   * and delivers it again.
   */
  async #dropForgotten(held: number[]): Promise<void> {
    const { link, declaration, manager, names } = this.#parts;
    if (!link.isConnected) return;
    // Nobody hears anything when the consumer is gone.
    await declaration.repair();
    try {
      const { delivered } = await manager.consumers.info(names.main, this.#group);
      for (const seq of held) if (seq > delivered.stream_seq) this.#handedOut.delete(seq);
    } catch {
      // The failure that brought us here is thrown.
    }
  }

  #say(reply: string | undefined, what: string): void {
    if (reply === undefined || reply === '' || this.#parts.link.connection.isClosed()) return;
    this.#parts.link.connection.publish(reply, what);
  }
}
