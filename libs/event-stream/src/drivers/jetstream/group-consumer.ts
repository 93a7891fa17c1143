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
/** What arrives while nobody pulls is kept this long for the next pull, then given back. */
const KEEP_MS = 1_000;
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
 * A request outlives the pull that made it, when that is aborted: the next pull goes on with it.
 *
 * 1. A message that arrived is in a request, in `#waiting`, in `#handedOut`, or was given back.
 * 2. It leaves `#handedOut` when the server has confirmed what became of it; until then saying so may be repeated.
 * 3. Deliveries are counted by the server. One more than allowed is not handed out but given up on.
 */
export class GroupConsumer {
  readonly #group: GroupName;
  readonly #parts: StreamParts;
  readonly #handedOut = new Map<number, HandedOut>();
  /** Arrived when nobody pulled, or did not fit into the answer any more. */
  readonly #waiting: Msg[] = [];
  readonly #openRequests = new Set<PullRequest>();
  /** Of these, the ones whose pull was aborted. */
  readonly #idleRequests = new Set<PullRequest>();
  #giveBackTimer: NodeJS.Timeout | undefined;

  constructor(group: GroupName, parts: StreamParts) {
    this.#group = group;
    this.#parts = parts;
  }

  /** Goes on through outages until there is a message or `signal` aborts. */
  async pull(messagesMax: number, signal: AbortSignal): Promise<Delivery[]> {
    clearTimeout(this.#giveBackTimer);
    while (!signal.aborted) {
      const messages = this.#waiting.length > 0 ? this.#takeWaiting(messagesMax) : await this.#ask(messagesMax, signal);
      const deliveries = await this.#handOut(messages, messagesMax);
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
  release(): void {
    clearTimeout(this.#giveBackTimer);
    for (const request of this.#openRequests) {
      this.#waiting.push(...request.take());
      request.cancel();
    }
    this.#giveBackWaiting();
    for (const { reply } of this.#handedOut.values()) this.#say(reply, NAK);
    this.#handedOut.clear();
  }

  #giveBackWaiting(): void {
    for (const { reply } of this.#waiting.splice(0)) this.#say(reply, NAK);
  }

  #takeWaiting(messagesMax: number): Msg[] {
    for (const { reply } of this.#waiting) this.#say(reply, IN_PROGRESS);
    return this.#waiting.splice(0, messagesMax);
  }

  async #ask(messagesMax: number, signal: AbortSignal): Promise<Msg[]> {
    const { link, declaration } = this.#parts;
    await link.connected(signal);
    if (signal.aborted) return [];
    const request = this.#takeIdle() ?? this.#request(messagesMax);
    const aborted = Promise.withResolvers<'aborted'>();
    const abort = (): void => aborted.resolve('aborted');
    signal.addEventListener('abort', abort);
    const how = await Promise.race([request.ended, aborted.promise]);
    signal.removeEventListener('abort', abort);
    if (!request.hasEnded) this.#idleRequests.add(request);
    const messages = request.take();
    if (messages.length > 0) return messages;
    if (how === 'gone') await declaration.repair();
    if (performance.now() - request.startedAt < EMPTY_PAUSE_MS) await pause(EMPTY_PAUSE_MS, signal);
    return messages;
  }

  #takeIdle(): PullRequest | undefined {
    const [request] = this.#idleRequests;
    if (request !== undefined) this.#idleRequests.delete(request);
    return request;
  }

  #request(messagesMax: number): PullRequest {
    const { link, names, declaration } = this.#parts;
    const request = new PullRequest(link.connection, {
      stream: names.main,
      consumer: this.#group,
      messagesMax,
      bytesMax: Math.max(ANSWER_BYTES_MAX, 2 * (link.connection.info?.max_payload ?? 0)),
      waitMs: WAIT_MS,
    });
    this.#openRequests.add(request);
    // Nobody would answer it after that.
    const forget = [link.onLost(() => request.cancel()), declaration.onMade(() => request.cancel())];
    void request.ended.then(() => {
      for (const each of forget) each();
      this.#openRequests.delete(request);
      if (this.#idleRequests.delete(request)) this.#keep(request.take());
    });
    return request;
  }

  #keep(messages: Msg[]): void {
    if (messages.length === 0) return;
    this.#waiting.push(...messages);
    clearTimeout(this.#giveBackTimer);
    this.#giveBackTimer = setTimeout(() => this.#giveBackWaiting(), KEEP_MS);
  }

  async #handOut(messages: Msg[], messagesMax: number): Promise<Delivery[]> {
    const deliveries: Delivery[] = [];
    let bytes = 0;
    for (const [index, message] of messages.entries()) {
      if (bytes >= ANSWER_BYTES_MAX || deliveries.length === messagesMax) {
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
    if (replies.length === 0) return;
    const deadline = new Deadline(CONFIRM_MS_MAX);
    try {
      while (!(await this.#tryConfirm(replies, what, deadline.signal)));
    } catch (error) {
      await this.#dropForgotten(held);
      if (held.some((seq) => this.#handedOut.has(seq))) throw error;
    } finally {
      deadline.clear();
    }
    for (const seq of held) this.#handedOut.delete(seq);
  }

  /** False: the connection was lost meanwhile. */
  async #tryConfirm(replies: string[], what: string, time: AbortSignal): Promise<boolean> {
    const { link } = this.#parts;
    await link.assertConnected(time);
    for (const reply of replies.slice(0, -1)) this.#say(reply, what);
    try {
      await link.request(replies.at(-1) ?? '', what, CONFIRM_MS_MAX);
      return true;
    } catch (error) {
      if (link.isConnected) throw error;
      return false;
    }
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
