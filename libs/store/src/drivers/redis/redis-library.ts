import { assert, PerdureError, type Clock } from '@perdure/domain';
import type { Redis } from 'ioredis';

import { packArguments, unpackResult } from './message-pack.ts';
import type { RedisCell } from './redis-cell.ts';
import { isLibraryGone, isLibraryLoaded, isLibraryLost } from './redis-errors.ts';

/** Compiled operations: what the build makes of `operations/`. */
export interface Library {
  /** Of the one function that runs them; it has a hash of the code in it. */
  name: string;
  code: string;
}

/** Loads of the library for one call. A server loses it when it restarts empty or somebody flushes its functions. */
const LOADS_MAX = 3;
/** How often a process in use tells that it still needs its library, and how long others believe it. */
const MARK_INTERVAL_MS = 3_600_000;
const UNUSED_AFTER_SECONDS = 86_400;
/** Of all versions of the operations, and of nothing else. */
const OUR_NAMES = /^perdure_[0-9a-f]{12}$/;

/**
 * Calls operations of a library on the keys of one cell, and loads it wherever it is missing.
 *
 * Versions live side by side under names of their own, so that a rolling upgrade needs no order. A process that is in use
 * marks its version once an hour; who loads one removes those that nobody marked for a day. Removing one that is needed
 * after all costs its process a reload.
 */
export class RedisLibrary {
  readonly #cell: RedisCell;
  readonly #library: Library;
  readonly #clock: Clock | undefined;
  #markedAt = -Infinity;

  /** `clock` replaces the time of the server, for tests only. */
  constructor(args: { cell: RedisCell; library: Library; clock?: Clock | undefined }) {
    this.#cell = args.cell;
    this.#library = args.library;
    this.#clock = args.clock;
  }

  /** In front of each key of the cell. */
  get prefix(): string {
    return this.#cell.prefix;
  }

  /** Answers what the operation answers. A call whose outcome is unknown is repeated with the same arguments. */
  async call(operation: string, args: unknown): Promise<unknown> {
    const call: (string | Buffer)[] = [this.#library.name, '1', this.#cell.prefix, operation, packArguments(args)];
    if (this.#clock !== undefined) call.push(String(this.#clock.now()));
    if (performance.now() - this.#markedAt > MARK_INTERVAL_MS) await this.#mark();
    for (let loads = 0; ; loads += 1) {
      try {
        const reply = await this.#cell.send(operation, (node) => node.send((redis) => redis.callBuffer('FCALL', call)));
        assert(reply instanceof Buffer, 'an operation answers MessagePack', { operation });
        return unpackResult(reply);
      } catch (error) {
        if (loads >= LOADS_MAX || !isLibraryLost(causeOf(error))) throw error;
        await this.#load();
      }
    }
  }

  async #load(): Promise<void> {
    await this.#cell.send('load the operations', (node) => node.send((redis) => this.#loadInto(redis)));
  }

  async #loadInto(redis: Redis): Promise<void> {
    await this.#markIn(redis, [this.#library.name]);
    try {
      await redis.function('LOAD', this.#library.code);
    } catch (error) {
      if (!isLibraryLoaded(error)) throw error;
    }
    await this.#removeUnused(redis);
  }

  /** A version without a mark gets one, and with it a day: it may just be being loaded. */
  async #removeUnused(redis: Redis): Promise<void> {
    const [loaded, marks, now] = await Promise.all([
      redis.function('LIST', 'LIBRARYNAME', 'perdure_*'),
      redis.hgetall(this.#marksKey),
      secondsOf(redis),
    ]);
    const names = namesIn(loaded);
    await this.#markIn(
      redis,
      names.filter((name) => marks[name] === undefined),
    );
    for (const name of names) {
      if (now - Number(marks[name] ?? now) <= UNUSED_AFTER_SECONDS || name === this.#library.name) continue;
      await removeVersion(redis, name);
      await redis.hdel(this.#marksKey, name);
    }
  }

  async #mark(): Promise<void> {
    // Set first: calls that come meanwhile go on, and a failure is reported by the call that meets it.
    this.#markedAt = performance.now();
    await this.#cell.send('mark the operations', (node) =>
      node.send((redis) => this.#markIn(redis, [this.#library.name])),
    );
  }

  async #markIn(redis: Redis, names: string[]): Promise<void> {
    const now = await secondsOf(redis);
    for (const name of names) await redis.hset(this.#marksKey, name, now);
  }

  /** A hash: name of a version to when it was marked, in seconds of the server. */
  get #marksKey(): string {
    return this.#cell.keyBeside('libraries');
  }
}

async function secondsOf(redis: Redis): Promise<number> {
  const [seconds] = await redis.time();
  return Number(seconds);
}

/** Records as flat lists or as objects, by the protocol's version; the names are what looks like ours. */
function namesIn(reply: unknown): string[] {
  const found = JSON.stringify(reply).matchAll(/"library_name",?:?"([^"]+)"/g);
  return [...found].flatMap(([, name = '']) => (OUR_NAMES.test(name) ? [name] : []));
}

async function removeVersion(redis: Redis, name: string): Promise<void> {
  try {
    await redis.function('DELETE', name);
  } catch (error) {
    // Another process removed it in the same moment.
    if (!isLibraryGone(error)) throw error;
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof PerdureError ? error.cause : error;
}
