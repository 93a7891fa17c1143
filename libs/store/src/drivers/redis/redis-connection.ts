import { PerdureError } from '@perdure/domain';
import { Redis, type RedisOptions } from 'ioredis';

/** A server that owes a reply, or a connection, and sends nothing for this long is taken for gone. */
export const SILENCE_MAX_MS = 5_000;
/** Commands that wait for a reply; more are refused. Far above what one process has in flight while Redis answers. */
const WAITING_MAX = 20_000;
/** What a connection that is given up has to say goodbye. */
const DISCONNECT_TIMEOUT_MS = 50;

/** Sees each new connection before anybody uses it. When it rejects, so do the commands that wait for the connection. */
export type Greeting = (redis: Redis) => Promise<void>;

/**
 * One connection to one server, made when it is first needed and again when it is needed after it broke. Concurrent
 * commands are pipelined. Nothing is queued while there is no connection, nothing is sent twice, and nothing waits for
 * ever: to repeat what fails is up to the caller.
 */
export class RedisConnection {
  readonly #redis: Redis;
  readonly #greet: Greeting | undefined;
  readonly #silenceMaxMs: number;
  #connecting: Promise<void> | undefined;
  #lastError: Error | undefined;
  #waiting = 0;
  #isClosed = false;

  constructor(
    options: RedisOptions,
    { greet, silenceMaxMs = SILENCE_MAX_MS }: { greet?: Greeting; silenceMaxMs?: number } = {},
  ) {
    this.#greet = greet;
    this.#silenceMaxMs = silenceMaxMs;
    this.#redis = new Redis({
      ...options,
      lazyConnect: true,
      connectTimeout: silenceMaxMs,
      socketTimeout: silenceMaxMs,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      // A connection that breaks rejects what waits on it; the next command that is sent makes another.
      retryStrategy: () => null,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      replyMapping: 'legacy',
    });
    // The cause of a failed attempt to connect: what the client rejects with only tells that it failed.
    this.#redis.on('error', (error: Error) => {
      this.#lastError = error;
    });
  }

  /** Rejects with the error of the client or the server as it is. */
  async send<Reply>(command: (redis: Redis) => Promise<Reply>): Promise<Reply> {
    if (this.#waiting >= WAITING_MAX) throw new Error(`Too many commands wait for Redis: ${WAITING_MAX}`);
    this.#waiting += 1;
    try {
      if (this.#connecting !== undefined || this.#redis.status !== 'ready') await this.#connect();
      return await command(this.#redis);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Gives the connection up, which rejects what waits on it. */
  cut(): void {
    // Once it has ended, the client would take the end of the next connection for this one's.
    if (this.#redis.status !== 'end') this.#redis.disconnect();
  }

  #connect(): Promise<void> {
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<void> {
    if (this.#isClosed) throw new PerdureError('STORE_CLOSED', 'the store was used after it was closed');
    this.#lastError = undefined;
    // A server may accept a connection and then say nothing, or be loading its data for minutes.
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => timeout.reject(new Error(`connect ETIMEDOUT after ${this.#silenceMaxMs} ms`)),
      this.#silenceMaxMs,
    );
    try {
      await Promise.race([this.#openAndGreet(), timeout.promise]);
    } catch (error) {
      this.cut();
      throw this.#lastError ?? error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #openAndGreet(): Promise<void> {
    await this.#redis.connect();
    await this.#greet?.(this.#redis);
  }

  /** Waits for the replies that are due. Never rejects. Repeatable. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#redis.status === 'ready') await this.#redis.quit().catch(() => {});
    this.cut();
  }
}
