import type { Redis } from 'ioredis';

import { RedisConnection } from './redis-connection.ts';

/** How long the server is asked to wait; with `appendfsync everysec` a flush takes a second, two under load. */
const WAIT_MS = 5_000;

/**
 * Tells when everything that was answered so far is flushed to the server's append-only file. Those who ask while one flush
 * is waited for share the next. It has a connection of its own, because waiting holds up what follows it on the same one.
 */
export class RedisFlush {
  readonly #connection: RedisConnection;
  readonly #mark: string;
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** `mark`: a key that this writes. */
  constructor(url: string, mark: string) {
    this.#connection = new RedisConnection(url);
    this.#mark = mark;
  }

  flushed(): Promise<void> {
    this.#next ??= this.#afterCurrent();
    return this.#next;
  }

  async #afterCurrent(): Promise<void> {
    await this.#current;
    const flush = this.#flush();
    this.#current = flush.catch(() => {});
    this.#next = undefined;
    await flush;
  }

  async #flush(): Promise<void> {
    while (!(await this.#connection.send('durable', (redis) => isFlushed(redis, this.#mark))));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/**
 * WAITAOF covers what its own connection wrote: hence the mark, later than all that matters. Both go out in one pipeline,
 * so that they cannot end up on two connections.
 */
async function isFlushed(redis: Redis, mark: string): Promise<boolean> {
  const replies = await redis.pipeline().set(mark, '1').call('WAITAOF', '1', '0', String(WAIT_MS)).exec();
  for (const [error] of replies ?? []) if (error !== null) throw error;
  const flushed = replies?.[1]?.[1];
  return Array.isArray(flushed) && Number(flushed[0]) >= 1;
}
