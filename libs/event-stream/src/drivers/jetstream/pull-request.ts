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

export interface PullAnswer {
  messages: Msg[];
  /** Nobody answers for the consumer: it, its stream or its leader may be gone. */
  isGone: boolean;
}

/**
 * One request to a consumer: waits for the first message and ends with the last one that is there. On abort it ends with
 * what has come.
 *
 * The server knows one kind of request that does both: `no_wait` with an expiry ends when it has run out of messages after
 * the first. What it had sent before it learned that nobody listens any more goes to `giveBack`, so that it need not wait
 * for the ack wait.
 */
export class PullRequest {
  readonly #query: PullQuery;
  readonly #signal: AbortSignal;
  readonly #giveBack: (message: Msg) => void;
  readonly #messages: Msg[] = [];
  readonly #answered = Promise.withResolvers<PullAnswer>();
  readonly #over = Promise.withResolvers<void>();
  readonly #subscription: Subscription;
  readonly #timer: NodeJS.Timeout;
  #hasEnded = false;

  constructor(connection: NatsConnection, query: PullQuery, signal: AbortSignal, giveBack: (message: Msg) => void) {
    this.#query = query;
    this.#signal = signal;
    this.#giveBack = giveBack;
    const inbox = createInbox();
    this.#subscription = connection.subscribe(inbox, {
      callback: (error, message) => (error === null ? this.#receive(message) : this.#end({ isGone: true })),
    });
    this.#timer = setTimeout(() => this.#abandon({ isGone: true }), query.waitMs + LATE_MS);
    signal.addEventListener('abort', this.#abort);
    const { stream, consumer } = query;
    connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, requestOf(query), { reply: inbox });
  }

  get answer(): Promise<PullAnswer> {
    return this.#answered.promise;
  }

  /** Resolves when nothing can arrive any more. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  #receive(message: Msg): void {
    const kind = kindOf(message);
    if (kind === 'progress') return;
    if (kind !== 'message') return this.#end({ isGone: kind === 'gone' });
    if (this.#hasEnded) return this.#giveBack(message);
    this.#messages.push(message);
    if (this.#messages.length === this.#query.messagesMax) this.#end({ isGone: false });
  }

  /** The server has ended the request. */
  #end({ isGone }: { isGone: boolean }): void {
    if (this.#hasEnded) return;
    this.#settle(isGone);
    this.#subscription.unsubscribe();
    this.#over.resolve();
  }

  readonly #abort = (): void => this.#abandon({ isGone: false });

  /** The server may still have the request. */
  #abandon({ isGone }: { isGone: boolean }): void {
    if (this.#hasEnded) return;
    this.#settle(isGone);
    // Refused once the connection is closed: then nothing can arrive either.
    this.#subscription.drain().then(this.#over.resolve, () => this.#over.resolve());
  }

  #settle(isGone: boolean): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#abort);
    this.#answered.resolve({ messages: this.#messages, isGone });
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
