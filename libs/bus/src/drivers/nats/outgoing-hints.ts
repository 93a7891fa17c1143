import type { NatsConnection } from '@nats-io/transport-node';

/** Different hints that wait while they cannot be sent: two topics of every cell that there can be, and some. */
const WAITING_MAX = 4_096;
/** After so many hints the server is asked whether it still reads. */
const PROBE_AFTER = 256;
/** Hints sent to a server that has not answered. More would pile up in this process when it is only half there. */
const UNANSWERED_MAX = 1_024;

interface Hint {
  subject: string;
  payload: string;
}

/**
 * Hints on their way to other processes: gathered for one turn of the event loop, and for as long as there is no
 * connection. However often a hint was published meanwhile, it is sent once.
 */
export class OutgoingHints {
  readonly #onError: (error: unknown) => void;
  readonly #waiting = new Map<string, Hint>();
  #connection: NatsConnection | undefined;
  #turn: NodeJS.Immediate | undefined;
  #unanswered = 0;
  #isProbing = false;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  add(hint: Hint): void {
    if (this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.set(`${hint.subject} ${hint.payload}`, hint);
    this.#sendLater();
  }

  /** From now on hints are sent, those that waited first. */
  resume(connection: NatsConnection): void {
    this.#connection = connection;
    this.#unanswered = 0;
    this.#sendLater();
  }

  /** Until `resume`, hints wait. */
  pause(): void {
    this.#connection = undefined;
    clearImmediate(this.#turn);
    this.#turn = undefined;
  }

  #sendLater(): void {
    if (this.#connection !== undefined) this.#turn ??= setImmediate(() => this.#send());
  }

  #send(): void {
    this.#turn = undefined;
    const connection = this.#connection;
    if (connection === undefined) return;
    for (const [key, { subject, payload }] of this.#waiting) {
      if (this.#unanswered >= UNANSWERED_MAX) break;
      this.#waiting.delete(key);
      this.#unanswered++;
      try {
        connection.publish(subject, payload);
      } catch (error) {
        this.#onError(error);
      }
    }
    if (this.#unanswered >= PROBE_AFTER && !this.#isProbing) void this.#probe(connection);
  }

  /** Everything sent before the server's answer has been read by it. */
  async #probe(connection: NatsConnection): Promise<void> {
    this.#isProbing = true;
    try {
      await connection.flush();
      this.#unanswered = 0;
      this.#sendLater();
    } catch {
      // The connection was lost, which whoever made it is told; `resume` starts counting again.
    } finally {
      this.#isProbing = false;
    }
  }
}
