import { assert, PerdureError, type Clock } from '@perdure/domain';

import { packArguments, unpackResult } from './message-pack.ts';
import type { RedisConnection } from './redis-connection.ts';
import { isLibraryLoaded, isLibraryLost } from './redis-errors.ts';

/** Compiled operations: what the build makes of `operations/`. */
export interface Library {
  /** Of the one function that runs them; it has a hash of the code in it. */
  name: string;
  code: string;
}

/** Loads of the library for one call. A server loses it when it restarts empty or somebody flushes its functions. */
const LOADS_MAX = 3;

/** Calls operations of a library on the keys of one cell, and loads it wherever it is missing. */
export class RedisLibrary {
  readonly #connection: RedisConnection;
  readonly #library: Library;
  readonly #prefix: string;
  readonly #clock: Clock | undefined;

  /** `prefix` stands in front of each key; `clock` replaces the time of the server, for tests only. */
  constructor(args: { connection: RedisConnection; library: Library; prefix: string; clock?: Clock | undefined }) {
    this.#connection = args.connection;
    this.#library = args.library;
    this.#prefix = args.prefix;
    this.#clock = args.clock;
  }

  /** Answers what the operation answers. A call whose outcome is unknown is repeated with the same arguments. */
  async call(operation: string, args: unknown): Promise<unknown> {
    const call: (string | Buffer)[] = [this.#library.name, '1', this.#prefix, operation, packArguments(args)];
    if (this.#clock !== undefined) call.push(String(this.#clock.now()));
    for (let loads = 0; ; loads += 1) {
      try {
        const reply = await this.#connection.send(operation, (redis) => redis.callBuffer('FCALL', call));
        assert(reply instanceof Buffer, 'an operation answers MessagePack', { operation });
        return unpackResult(reply);
      } catch (error) {
        if (loads >= LOADS_MAX || !isLibraryLost(causeOf(error))) throw error;
        await this.#load();
      }
    }
  }

  /** Versions live side by side under names of their own, so that a rolling upgrade needs no order. */
  async #load(): Promise<void> {
    try {
      await this.#connection.send('load the operations', (redis) => redis.function('LOAD', this.#library.code));
    } catch (error) {
      if (!isLibraryLoaded(causeOf(error))) throw error;
    }
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof PerdureError ? error.cause : error;
}
