import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '@perdure/store';
import { openEmbeddedStore, openRedisCells } from '@perdure/store/drivers';
import { describeWithService } from '@perdure/testing/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, expect, test } from 'vitest';
import { type OpenCells, playStories } from './play-story.ts';

/** Twenty times as many in `npm run soak`. */
const STORIES = (process.env['PERDURE_SOAK'] === '1' ? 20 : 1) * Number(process.env['PERDURE_GRAPHS'] ?? 2_000);
/** A story takes ten times as long on Redis. */
const STORIES_ON_REDIS = STORIES / 10;
const TIMEOUT_MS = 60 * 60_000;

/** `PERDURE_SEED=n` repeats a run of this file; `PERDURE_GRAPHS_PATH=p`, which a failure names, a story of it. */
const seed = Number(process.env['PERDURE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const path = process.env['PERDURE_GRAPHS_PATH'];
const repeat = { seed, ...(path !== undefined && { path }) };

/** What is written there is gone with the machine, and no story waits for a disk. */
const folder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const openEmbedded: OpenCells = async ({ cells, clock }) => {
  const place = mkdtempSync(join(folder, 'perdure-graphs-'));
  const stores: Store[] = [];
  for (let cell = 0; cell < cells; cell += 1) {
    stores.push(await openEmbeddedStore({ path: join(place, `${cell}`), clock }));
  }
  const close = async (): Promise<void> => {
    for (const store of stores) await store.close();
    rmSync(place, { recursive: true, force: true });
  };
  return { cells: stores, close };
};

test(
  `random step graphs end as the model says, whatever dies, is late or is repeated (PERDURE_SEED=${seed})`,
  { timeout: TIMEOUT_MS },
  async () => {
    await expect(playStories(openEmbedded, { count: STORIES, ...repeat })).resolves.toBeUndefined();
  },
);

describeWithService('redis', 'random step graphs', ({ url }) => {
  const admin = new Redis(url);
  afterAll(() => admin.disconnect());

  const openOnRedis: OpenCells = async ({ cells, clock }) => {
    const keyPrefix = `${randomUUID()}:`;
    const stores = await openRedisCells({ url, cells, keyPrefix, clock });
    const close = async (): Promise<void> => {
      for (const store of stores) await store.close();
      const keys = await admin.keys(`${keyPrefix}*`);
      if (keys.length > 0) await admin.unlink(...keys);
    };
    return { cells: stores, close };
  };

  test(
    `end as the model says, whatever dies, is late or is repeated (PERDURE_SEED=${seed})`,
    { timeout: TIMEOUT_MS },
    async () => {
      await expect(playStories(openOnRedis, { count: STORIES_ON_REDIS, ...repeat })).resolves.toBeUndefined();
    },
  );
});
