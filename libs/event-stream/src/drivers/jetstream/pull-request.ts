import { createInbox, nanos, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';

/** How long a request may outlive its own time before its answer is taken for lost. */
const LATE_MS = 1_000;

export interface PullQuery {
  stream: string;
  consumer: string;
  messagesMax: number;
  bytesMax: number;
  /** How long to wait for the first message; 0: not at all. */
  waitMs: number;
}

/**
 * How a request ended: the server said so, nobody answers for the consumer (it, its stream or its leader may be gone), or
 * it was cancelled here.
 */
export type PullEnd = 'ended' | 'gone' | 'cancelled';

/**
 * One request to a consumer: waits for the first message and ends with the last one that is there. The server knows one
 * kind of request that does both: `no_wait` with an expiry ends when it has run out of messages after the first.
 *
 * The server cannot be told to forget a request. Whoever stops listening loses what it is just sending, until the ack wait
 * ends: so a request is cancelled only when nothing can come any more.
 */
export class PullRequest {
  readonly startedAt = performance.now();
  readonly #connection: NatsConnection;
  readonly #query: PullQuery;
  readonly #ended = Promise.withResolvers<PullEnd>();
  readonly #subscription: Subscription;
  readonly #timer: NodeJS.Timeout;
  #messages: Msg[] = [];
  #count = 0;
  #hasEnded = false;

  constructor(connection: NatsConnection, query: PullQuery) {
    this.#connection = connection;
    this.#query = query;
    const inbox = createInbox();
    this.#subscription = connection.subscribe(inbox, {
      callback: (error, message) => (error === null ? this.#receive(message) : this.#end('gone')),
    });
    this.#timer = setTimeout(() => this.#end('gone'), query.waitMs + LATE_MS);
    const { stream, consumer } = query;
    connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, requestOf(query), { reply: inbox });
  }

  get ended(): Promise<PullEnd> {
    return this.#ended.promise;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** What has arrived since the last call. */
  take(): Msg[] {
    const taken = this.#messages;
    this.#messages = [];
    return taken;
  }

  cancel(): void {
    this.#end('cancelled');
  }

  #receive(message: Msg): void {
    const kind = kindOf(message);
    if (kind === 'progress') return;
    if (kind !== 'message') return this.#end(kind);
    this.#messages.push(message);
    this.#count++;
    if (this.#count === this.#query.messagesMax) this.#end('ended');
  }

  #end(how: PullEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    if (!this.#connection.isClosed()) this.#subscription.unsubscribe();
    this.#ended.resolve(how);
  }
}

function requestOf({ messagesMax, bytesMax, waitMs }: PullQuery): string {
  const expiry = waitMs > 0 ? { expires: nanos(waitMs) } : {};
  return JSON.stringify({ batch: messagesMax, max_bytes: bytesMax, no_wait: true, ...expiry });
}

const HEARTBEAT = 100;
/** No messages; expired. */
const ENDED = new Set([404, 408]);
const CONFLICT = 409;
/** Conflicts that say only that the request has had what it asked for, or asked for too much. */
const OVER = /exceed|completed/i;

function kindOf({ headers, reply = '' }: Msg): 'message' | 'progress' | 'ended' | 'gone' {
  const code = headers?.code ?? 0;
  if (code === 0 || reply !== '') return 'message';
  if (code === HEARTBEAT) return 'progress';
  const isOver = ENDED.has(code) || (code === CONFLICT && OVER.test(headers?.description ?? ''));
  return isOver ? 'ended' : 'gone';
}
