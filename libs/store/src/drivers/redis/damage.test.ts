import { randomUUID } from 'node:crypto';
import { testClock } from '@perdure/testing';
import { describeWithService } from '@perdure/testing/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditAll, lease, LEASE_MS, Player, reconcileAll, run, sleep, wait } from '../../contract/player.ts';
import type { Store } from '../../store.ts';
import { openTestCell } from './test-cells.ts';

const BATCH = { eventsMax: 10, bytesMax: 1000, timeoutMs: 20_000 };

/** What the embedded driver's test of damage shows kind by kind, once for the compiled operations. */
describeWithService('redis', 'a damaged cell', ({ url }) => {
  const clock = testClock();
  const keyPrefix = `${randomUUID()}:`;
  let admin: Redis;
  let store: Store;

  beforeAll(async () => {
    admin = new Redis(url, { keyPrefix: `${keyPrefix}pd:{c0}:` });
    store = await openTestCell(url, { keyPrefix, clock });
  });
  afterAll(async () => {
    await admin.del('sys');
    admin.disconnect();
    await store.close();
  });

  test('is put right by reconciling, and every run ends', async () => {
    const play = new Player(store, clock);
    await play.setFunction({ concurrency: 3, keyed: [1] });
    const first = await play.start({ keys: { keyed: ['k'] } });
    await play.create({ keys: { keyed: ['k'] } });
    for (let i = 0; i < 5; i++) await play.create();
    const second = await play.claim(1);
    const expiresAt = clock.now() + 1000;
    const pause = { pauseId: `${first.run.runId}.w`, expiresAt, anchors: [{ path: 'data.id', valueHash: 'x' }] };
    await play.plan(first, [run('r'), sleep('z', expiresAt), wait('w', pause)]);
    const [third] = await play.claim(1);
    for (const [index, key] of ['k1', 'k2', 'k2'].entries()) {
      await play.schedule({ meta: `m${index}`, buffer: { kind: 'batch', key, ...BATCH } });
    }

    for (const key of ['due', 'lease', 'acc', 'parked', 'pauses', 'ar|account-1', 'pzp|env-1|a/resume']) {
      await admin.del(key);
    }
    await admin.del('bf|fn-1|batch|k2');
    await admin.zremrangebyrank('lanes', 0, 0);
    await admin.del(`run|${third!.run.runId}|job|${third!.jobId}`);
    await admin.sadd('ctr|f|fn-1', 'gone1', 'gone2', 'gone3');
    await admin.hset(`run|${second[0]!.run.runId}`, { nj: 5, dl: 'gone' });
    expect(await store.checkInvariants()).not.toEqual([]);
    expect(await play.withoutTrace(() => auditAll(store, 2))).toEqual(
      expect.arrayContaining([
        'counter f|fn-1 is held by gone1, which is not in progress',
        `run ${third!.run.runId} has lost its job ${third!.jobId}`,
        `pause ${first.run.runId}.w is not listed`,
      ]),
    );

    // Three of nobody, and three of the job that is lost: of account, function and key.
    expect(await reconcileAll(store, 2)).toMatchObject({ runs: 7, holders: 6 });

    expect(await store.checkInvariants()).toEqual([]);
    const stored = await store.dump();
    await reconcileAll(store);
    expect(await store.dump()).toEqual(stored);
    await endAll(play);
    expect(await bufferedMetas(play)).toEqual([['m1', 'm2'], ['m0']]);
    expect(await store.counts()).toMatchObject({ runs: 0, delayed: 0, ready: 0, leased: 0, pauses: 0, parkedLanes: 0 });
    expect(await store.checkInvariants()).toEqual([]);
  });

  async function bufferedMetas(play: Player): Promise<string[][]> {
    const metas: string[][] = [];
    // How large a buffer is whose record was lost is not known: it comes by itself.
    for (let entries = await play.drainOutbox(); entries.length > 0; entries = await play.drainOutbox()) {
      for (const entry of entries) {
        if (entry.kind === 'buffer-closed') metas.push(entry.buffer.items.map(({ meta }) => meta));
      }
    }
    return metas;
  }

  async function endAll(play: Player): Promise<void> {
    while ((await store.counts()).runs > 0) {
      for (const job of await play.claim()) {
        await store.finalize({ runId: job.run.runId, lease: lease(job), status: 'Completed' });
      }
      await clock.advanceBy(LEASE_MS);
    }
  }
});
