import { describe, expect } from 'vitest';
import type { ClaimedJob } from '../store.ts';
import { auditAll, lease, run, sleep, storeTest, wait, type OpenStore, type Player } from './player.ts';

const CLIENTS = 6;
const ROUNDS = 12;

/** What an executor does with a job, in turn. */
async function handle(play: Player, job: ClaimedJob, turn: number): Promise<void> {
  const at = play.clock.now() + 5;
  const { runId } = job.run;
  if (turn % 5 === 0) await play.store.finalize({ runId, status: 'Cancelled' });
  else if (turn % 5 === 1) await play.store.retry({ lease: lease(job), notBefore: at, reason: 'failure' });
  else if (turn % 5 === 2) await play.advance(job, { plans: [run('r'), sleep('z', at)] });
  else if (turn % 5 === 3) await play.advance(job, { plans: [wait('w', { pauseId: `${runId}.w`, expiresAt: at })] });
  else await play.store.finalize({ runId, lease: lease(job), status: 'Completed' });
}

/** Runs are scheduled, claimed and handled, and limits and keys change under them. */
async function use(play: Player, client: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const keys = { keyed: [`k${round % 3}`], run: `r${round % 2}`, throttle: 't' };
    await play.schedule({ keys, keysId: 'new', ...(round === 5 && { startTimeoutMs: 5 }) });
    const jobs = await play.claim(3, `worker-${client}`);
    await Promise.all(jobs.map((job, index) => handle(play, job, client + round + index)));
    if (round % 4 === 0) await play.setFunction({ keyed: [1 + (round % 3)], run: 2, version: round, keysId: 'new' });
    if (round % 5 === 0) await play.store.collectGarbage(5);
    await play.clock.advanceBy(2);
  }
}

export function describeAudit(open: OpenStore): void {
  const test = storeTest(open);

  describe('an audit', () => {
    test('of an empty store finds nothing', async ({ play }) => {
      expect(await play.withoutTrace(() => auditAll(play.store))).toEqual([]);
    });

    test('of a store in full use finds nothing, whatever happens meanwhile', async ({ play }) => {
      const throttle = { limit: 50, burst: 0, periodMs: 100 };
      await play.setFunction({ concurrency: 5, keyed: [1], run: 2, throttle, keysId: 'old' });
      const problems: string[] = [];
      let looks = 0;
      const end = new AbortController();
      const audit = async (): Promise<void> => {
        for (let cursor: string | undefined; !end.signal.aborted; looks++) {
          const page = await play.store.audit({ entriesMax: 2, ...(cursor !== undefined && { cursor }) });
          problems.push(...page.problems);
          cursor = page.cursor;
        }
      };
      const uses = Promise.all(Array.from({ length: CLIENTS }, (_, client) => use(play, client)));

      await Promise.all([audit(), uses.finally(() => end.abort())]);

      expect(problems).toEqual([]);
      expect(looks).toBeGreaterThan(20);
      expect((await play.store.counts()).runs).toBeGreaterThan(0);
    });

    test('looks at a bounded number of entries at a time, and comes to an end', async ({ play }) => {
      for (let i = 0; i < 5; i++) await play.create({ functionId: `fn-${i}` });
      const cursors: string[] = [];

      let { cursor } = await play.store.audit({ entriesMax: 2 });
      for (; cursor !== undefined; { cursor } = await play.store.audit({ cursor, entriesMax: 2 })) cursors.push(cursor);

      // Five runs, five lanes, five functions: two pages more of each.
      expect(new Set(cursors).size).toBe(cursors.length);
      expect(cursors.length).toBeGreaterThanOrEqual(6);
    });
  });
}
