import type { LoggedMessage, StreamTables } from './stream-tables.ts';

/** Both groups read a message soon after it was appended, normally. */
const TAIL_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Stored messages, the newest of them in memory, so that neither group has to read them back from the database.
 *
 * Every stored message newer than `#floor` is in the Map, in the order of `seq`; nothing else is.
 */
export class MessageTail {
  readonly #tables: StreamTables;
  readonly #messages = new Map<number, LoggedMessage>();
  #bytes = 0;
  #floor: number;

  constructor(tables: StreamTables, lastSeq: number) {
    this.#tables = tables;
    this.#floor = lastSeq;
  }

  add(message: LoggedMessage): void {
    this.#messages.set(message.seq, message);
    this.#bytes += message.body.length;
    for (const oldest of this.#messages.values()) {
      if (this.#bytes <= TAIL_BYTES_MAX) return;
      this.#floor = oldest.seq;
      this.remove(oldest.seq);
    }
  }

  /** It is not stored any more. */
  remove(seq: number): void {
    const message = this.#messages.get(seq);
    if (message === undefined) return;
    this.#messages.delete(seq);
    this.#bytes -= message.body.length;
  }

  find(seq: number): LoggedMessage | undefined {
    return seq > this.#floor ? this.#messages.get(seq) : this.#tables.findMessage(seq);
  }

  findTopic(seq: number): LoggedMessage['topic'] | undefined {
    return seq > this.#floor ? this.#messages.get(seq)?.topic : this.#tables.findTopic(seq);
  }

  /** From `first` to `last`, in order, read one by one. */
  *between(first: number, last: number): Generator<LoggedMessage> {
    if (first <= this.#floor) {
      yield* this.#tables.messagesBetween(first, last);
      return;
    }
    for (let seq = first; seq <= last; seq++) {
      const message = this.#messages.get(seq);
      if (message !== undefined) yield message;
    }
  }
}
