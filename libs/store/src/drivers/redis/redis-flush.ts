import type { Redis, RedisOptions } from 'ioredis';

import { RedisConnection } from './redis-connection.ts';

/**
 * How long the server is asked to wait, for replicas and again for the disk: together less than the silence after which a
 * connection is given up. With `appendfsync everysec` a flush takes a second.
 */
const WAIT_MS = 2_000;

/** What to wait for. */
export interface FlushTerms {
  /** The append-only file of the server itself. */
  toDisk: boolean;
  /** Replicas that have everything in memory. */
  replicas: number;
}

/** Those who wait for the same flush, by the key that each writes. */
type Round = Map<string, PromiseWithResolvers<void>>;

/**
 * Tells when everything that a server answered so far is flushed. All cells of the server share this: who asks while one
 * flush is waited for shares the next. It has a connection of its own, because waiting holds up what follows it there.
 */
export class RedisFlush {
  readonly #connection: RedisConnection;
  #current: Promise<void> = Promise.resolve();
  #next: { round: Round; terms: FlushTerms } | undefined;

  constructor(options: RedisOptions) {
    this.#connection = new RedisConnection(options);
  }

  /** `mark`: a key of the cell that this writes. Rejects with `NOREPLICAS` or `NOFLUSH` when it takes too long. */
  flushed(mark: string, terms: FlushTerms): Promise<void> {
    this.#next ??= this.#openRound(terms);
    const { round } = this.#next;
    const waiter = round.get(mark) ?? Promise.withResolvers<void>();
    round.set(mark, waiter);
    return waiter.promise;
  }

  #openRound(terms: FlushTerms): { round: Round; terms: FlushTerms } {
    const next = { round: new Map(), terms };
    this.#current = this.#current.then(() => {
      this.#next = undefined;
      return this.#flush(next.round, terms);
    });
    return next;
  }

  /** Settles all of the round, and never rejects itself. */
  async #flush(round: Round, terms: FlushTerms): Promise<void> {
    const marks = [...round.keys()];
    try {
      const replies = await this.#connection.send((redis) => markAndWait(redis, marks, terms));
      checkWaits(replies.slice(marks.length), terms);
      // A cell whose slot has moved away is refused here, and asks the server that has it now.
      for (const [index, mark] of marks.entries()) {
        const error = replies[index]?.[0];
        if (error) round.get(mark)?.reject(error);
        else round.get(mark)?.resolve();
      }
    } catch (error) {
      for (const waiter of round.values()) waiter.reject(error);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

type Replies = [error: Error | null, reply: unknown][];

/**
 * WAIT and WAITAOF cover what their own connection wrote: hence the marks, later than all that matters. All go out in one
 * pipeline, so that they cannot end up on two connections.
 */
async function markAndWait(redis: Redis, marks: string[], { toDisk, replicas }: FlushTerms): Promise<Replies> {
  const pipeline = redis.pipeline();
  for (const mark of marks) pipeline.set(mark, '1');
  // Not WAITAOF's own count of replicas: one without an append-only file would never be counted.
  if (replicas > 0) pipeline.call('WAIT', String(replicas), String(WAIT_MS));
  if (toDisk) pipeline.call('WAITAOF', '1', '0', String(WAIT_MS));
  return (await pipeline.exec()) ?? [];
}

function checkWaits(replies: Replies, { toDisk, replicas }: FlushTerms): void {
  for (const [error] of replies) if (error !== null) throw error;
  const answers = replies.map(([, reply]) => reply);
  if (replicas > 0) {
    const copied = Number(answers.shift());
    if (!(copied >= replicas))
      throw new Error(`NOREPLICAS ${copied} of ${replicas} replicas had it after ${WAIT_MS} ms`);
  }
  if (toDisk) {
    const flushed = answers.shift();
    const isFlushed = Array.isArray(flushed) && Number(flushed[0]) >= 1;
    if (!isFlushed) throw new Error(`NOFLUSH the append-only file was not flushed within ${WAIT_MS} ms`);
  }
}
