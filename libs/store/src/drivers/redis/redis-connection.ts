import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { isRetryable, storeError } from './redis-errors.ts';

/** Calls of one command before its failure is the caller's. With the pauses between them: about ten seconds. */
const CALLS_MAX = 14;
const BACKOFF_FIRST_MS = 5;
const BACKOFF_MAX_MS = 1_500;
/** A server that owes a reply and sends nothing for this long is taken for gone. */
const SILENCE_MAX_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * A connection that repairs itself. Concurrent commands are pipelined. A command whose outcome is unknown is sent again,
 * so only commands that stand it may be sent.
 */
export class RedisConnection {
  readonly #redis: Redis;
  readonly #callsMax: number;
  #isClosed = false;

  /** `callsMax`: less patience, for tests. */
  constructor(url: string, callsMax = CALLS_MAX) {
    this.#callsMax = callsMax;
    this.#redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MAX_MS,
      // What waits for a reply when the connection breaks fails at once, and is sent again here and nowhere else.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: backoffMs,
    });
    // Commands report what fails; without a listener the client would print it.
    this.#redis.on('error', () => {});
  }

  /** Answers the reply, or rejects with a `PerdureError` that names `operation` and has the error of Redis as its cause. */
  async send<Reply>(operation: string, command: (redis: Redis) => Promise<Reply>): Promise<Reply> {
    for (let calls = 1; ; calls += 1) {
      try {
        return await command(this.#redis);
      } catch (error) {
        if (this.#isClosed || calls >= this.#callsMax || !isRetryable(error)) throw storeError(error, operation);
        await delay(backoffMs(calls));
      }
    }
  }

  /** Waits for the replies that are due. Repeatable. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#redis.status === 'ready') await this.#redis.quit().catch(() => {});
    this.#redis.disconnect();
  }
}

function backoffMs(attempt: number): number {
  return Math.min(BACKOFF_FIRST_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS);
}
