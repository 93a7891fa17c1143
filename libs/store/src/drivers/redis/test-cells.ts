import { randomUUID } from 'node:crypto';

import type { Clock } from '@perdure/domain';
import { Redis } from 'ioredis';

import type { Store } from '../../store.ts';
import { openRedisCells } from './redis-store.ts';

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
    const keyPrefix = `${randomUUID()}:`;
    this.#used.add(keyPrefix);
    return openTestCell(this.#url, { keyPrefix, ...options });
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

/** The only cell of data of its own. */
export async function openTestCell(url: string, options: { keyPrefix?: string; clock?: Clock } = {}): Promise<Store> {
  const [cell] = await openRedisCells({ url, cells: 1, keyPrefix: `${randomUUID()}:`, ...options });
  if (cell === undefined) throw new Error('one cell was asked for');
  return cell;
}
