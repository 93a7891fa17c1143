import type { NatsConnection } from '@nats-io/transport-node';

/** What waits while it cannot be sent. Live updates that come late are of little use, so this is for short breaks. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** After so much the server is asked whether it still reads. */
const PROBE_AFTER_BYTES = 1024 * 1024;
/** Sent to a server that has not answered. More would pile up in this process when it is only half there. */
const UNANSWERED_BYTES_MAX = 8 * 1024 * 1024;

interface Update {
  subject: string;
  payload: Uint8Array;
}

/** Live updates on their way to other processes, each of them once and in order, or dropped where they would pile up. */
export class OutgoingUpdates {
  readonly #onError: (error: unknown) => void;
  #waiting: Update[] = [];
  #waitingBytes = 0;
  #unansweredBytes = 0;
  #connection: NatsConnection | undefined;
  #isProbing = false;
  #isDropping = false;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  add(subject: string, text: string): void {
    const payload = new TextEncoder().encode(text);
    if (this.#waitingBytes + payload.length > WAITING_BYTES_MAX) return this.#drop();
    this.#waiting.push({ subject, payload });
    this.#waitingBytes += payload.length;
    this.#send();
  }

  /** From now on updates are sent, those that waited first. */
  resume(connection: NatsConnection): void {
    this.#connection = connection;
    this.#unansweredBytes = 0;
    this.#send();
  }

  /** Until `resume`, updates wait. */
  pause(): void {
    this.#connection = undefined;
  }

  /** Told once for as long as it lasts. */
  #drop(): void {
    if (!this.#isDropping)
      this.#onError(new Error('live updates to other processes are dropped: too many wait for NATS'));
    this.#isDropping = true;
  }

  #send(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    let sent = 0;
    for (const { subject, payload } of this.#waiting) {
      if (this.#unansweredBytes >= UNANSWERED_BYTES_MAX) break;
      sent++;
      this.#waitingBytes -= payload.length;
      this.#unansweredBytes += payload.length;
      try {
        connection.publish(subject, payload);
      } catch (error) {
        this.#onError(error);
      }
    }
    this.#waiting = this.#waiting.slice(sent);
    if (this.#waiting.length === 0) this.#isDropping = false;
    if (this.#unansweredBytes >= PROBE_AFTER_BYTES && !this.#isProbing) void this.#probe(connection);
  }

  /** Everything sent before the server's answer has been read by it. */
  async #probe(connection: NatsConnection): Promise<void> {
    this.#isProbing = true;
    try {
      await connection.flush();
      this.#unansweredBytes = 0;
    } catch {
      // The connection was lost, which whoever made it is told; `resume` starts counting again.
      return;
    } finally {
      this.#isProbing = false;
    }
    this.#send();
  }
}
