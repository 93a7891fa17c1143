import { randomUUID } from 'node:crypto';

import type { Clock } from '@perdure/domain';
import { Redis } from 'ioredis';

import { cellPrefix } from '../../operations/keys.ts';
import type { Store } from '../../store.ts';
import { openRedisStore } from './redis-store.ts';

/**
 * Opens cells of their own on a server that tests share. What the cell before left is removed when the next is opened:
 * reading all keys of a cell means looking at all keys of the server.
 */
export class TestCells {
  readonly #url: string;
  readonly #admin: Redis;
  readonly #used = new Set<string>();

  constructor(url: string) {
    this.#url = url;
    this.#admin = new Redis(url);
  }

  async open(options: { clock: Clock }): Promise<Store> {
    await this.#removeUsed();
    const cell = randomUUID();
    this.#used.add(cellPrefix(cell));
    return openRedisStore({ url: this.#url, cell, ...options });
  }

  async #removeUsed(): Promise<void> {
    for (const prefix of this.#used) {
      for await (const keys of this.#admin.scanStream({ match: `${prefix}*`, count: 1000 })) {
        if (keys.length > 0) await this.#admin.unlink(...keys);
      }
    }
    this.#used.clear();
  }

  async close(): Promise<void> {
    await this.#removeUsed();
    this.#admin.disconnect();
  }
}
